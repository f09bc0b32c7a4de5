package oauth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is what a failure means for whoever asked.
type Kind uint8

const (
	// Refused: the server said no for good; asking again does not help.
	Refused Kind = iota + 1
	// Unreachable: no answer, or one that says later: network, 408, 429, 5xx.
	Unreachable
	// Malformed: an answer that is no token reply: HTML, a redirect, a bad token.
	Malformed
	// Untrusted: one side does not accept the other's TLS. No byte of the request
	// counted.
	Untrusted
	// Policy: our own configuration forbids it.
	Policy
)

// String is the kind in a word.
func (k Kind) String() string {
	switch k {
	case Refused:
		return "refused"
	case Unreachable:
		return "unreachable"
	case Malformed:
		return "malformed"
	case Untrusted:
		return "untrusted"
	case Policy:
		return "policy"
	}
	return "unknown"
}

// Error is why there is no token. All its texts are printable ASCII, cut, and
// free of secrets: the server's own are sanitised, and what it echoes of the
// client's secret is taken out.
type Error struct {
	Kind          Kind
	Status        int           // HTTP status; 0 if there was no answer
	Code          string        // RFC 6749 5.2 "error"; "" if none came
	Description   string        // "error_description", the first sentence if it is Entra's
	AADSTS        string        // the digits of Entra's code, as "7000215"; else ""
	CorrelationID string        // how the server's own log calls the request: Entra's body, else a header; "" if it did not say
	Reason        string        // our own words, where the server has none
	Cure          string        // what helps against just this; "{profile}" is the profile's name
	URL           string        // scheme, host and path of the endpoint; "" for Policy
	RetryAfter    time.Duration // how long the server wants to be left alone; 0 if it did not say
	Grant         string        // row of Grants that was asked with; "" where it says nothing about the failure
	Auth          string        // row of ClientAuths; "basic raw" for Basic without form encoding
	Date          time.Time     // of the server's clock; zero if it sent none
	Skew          time.Duration // server's Date less our clock; 0 if it sent none
	Proxy         string        // host and port of the proxy that refused; "" for the server
	Tries         int           // requests made

	// Lost: what counts once, a code or a refresh token, left and may be used up, and
	// what it was for did not arrive.
	Lost bool

	again bool  // another try is allowed by A9 and A10
	cause error // context.Canceled or context.DeadlineExceeded, nothing that has a foreign text
}

// Error is one line, as
//
//	401 invalid_client: AADSTS7000215: Invalid client secret provided. (correlation id 1f0c...)
//	403: an empty body (https://login.example/token)
func (e *Error) Error() string {
	var head []string
	if e.Status != 0 {
		head = append(head, strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		head = append(head, e.Code)
	}
	text := strings.Join(head, " ")
	for _, t := range []string{e.Description, e.Reason} {
		if t == "" {
			continue
		}
		if text != "" {
			text += ": "
		}
		text += t
		break
	}
	var where []string
	if e.Description == "" && e.URL != "" {
		where = append(where, e.URL)
	}
	if e.CorrelationID != "" {
		where = append(where, "correlation id "+e.CorrelationID)
	}
	if len(where) > 0 {
		text += " (" + strings.Join(where, ", ") + ")"
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf("; the server asks to wait %d s", int64((e.RetryAfter+time.Second-1)/time.Second))
	}
	return text
}

// Unwrap gives the context's error if that is what ended the call.
func (e *Error) Unwrap() error { return e.cause }

// refusalHold is how long a client that was refused is not asked for again, so
// that a loop with a bad secret cannot lock out an account (A12).
const refusalHold = 30 * time.Second

// The waits after an answer that says later and not when, and after none at all. The
// first grows while nothing changes; the other only shares the failure with those who
// wait for the same token.
const (
	laterHold   = 5 * time.Second
	silenceHold = 2 * time.Second
)

// Hold is how long not to ask again: what the server asked for (A11), 30 s after
// a refusal that counts against the account (A12), a moment after other failures that
// pass; else 0.
func (e *Error) Hold() time.Duration {
	switch {
	case e.RetryAfter > 0:
		return e.RetryAfter
	case errors.Is(e.cause, context.Canceled):
		return 0
	case e.Kind == Unreachable && later(e.Status) && e.Proxy == "":
		return laterHold
	case e.Kind == Unreachable:
		return silenceHold
	}
	if e.Kind != Refused || e.Proxy != "" && e.Status != 407 {
		return 0
	}
	switch e.Code {
	case "invalid_client", "invalid_grant", "unauthorized_client":
		return refusalHold
	case "": // servers that refuse with a bare 400 or 403
		if e.Status == 400 || e.Status == 403 {
			return refusalHold
		}
	}
	if e.Status == 401 || e.Status == 407 { // 407: a proxy's, whose account may be locked as well
		return refusalHold
	}
	return 0
}

func policy(reason string) error { return &Error{Kind: Policy, Reason: reason} }
