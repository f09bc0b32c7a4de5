package oauth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is the meaning of a failure for the caller.
type Kind uint8

const (
	// Refused: the server refused permanently; asking again does not help.
	Refused Kind = iota + 1
	// Unreachable: there was no response, or one that asks to try later: network, 408,
	// 429, 5xx.
	Unreachable
	// Malformed: the response is not a token response: HTML, a redirect, a bad token.
	Malformed
	// Untrusted: one side rejects the other's TLS. No byte of the request was
	// processed.
	Untrusted
	// Policy: our own configuration forbids it.
	Policy
)

// String returns the kind as one word.
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

// Error is the reason why there is no token. Its texts are printable ASCII, truncated
// and free of secrets: the server's texts are sanitized, and echoes of the client's
// secrets are removed.
type Error struct {
	Kind          Kind
	Status        int           // HTTP status; 0 if there was no answer
	Code          string        // RFC 6749 5.2 "error"; "" if none came
	Description   string        // "error_description"; only the first sentence if it is Entra's
	AADSTS        string        // the digits of Entra's code, as "7000215"; else ""
	CorrelationID string        // the server's own id of the request, from Entra's body or a header; may be empty
	Reason        string        // our own text, if the server sent none
	Cure          string        // advice for exactly this failure; "{profile}" is the profile's name
	URL           string        // scheme, host and path of the endpoint; "" for Policy
	RetryAfter    time.Duration // how long the server asks to wait; 0 if unknown
	Grant         string        // row of Grants that was used; "" if it is irrelevant for the failure
	Auth          string        // row of ClientAuths; "client_secret_basic raw" for Basic without form encoding
	Date          time.Time     // of the server's clock; zero if it sent none
	Skew          time.Duration // server's Date less our clock; 0 if it sent none
	Proxy         string        // host and port of the proxy that refused; "" for the server
	Tries         int           // requests made
	Meaning       error         // the caller's, of a source that supplied nothing; nil: by Kind

	// Lost: a code or a refresh token, which can be used only once, was sent and may be
	// used up, but the response did not arrive.
	Lost bool

	// Down: the connection was refused, or nobody has the server's name.
	Down bool

	again bool  // another try is allowed by A9 and A10
	cause error // context.Canceled, context.DeadlineExceeded or ErrEncrypted, nothing that has a foreign text
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
	if (e.Description == "" || e.Code == "") && e.URL != "" { // an error of OAuth with a text came from the right place
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

// Unwrap returns the context's error if that ended the call.
func (e *Error) Unwrap() error { return e.cause }

// refusalHold is how long a refused client is not tried again, so that a loop with a
// bad secret cannot lock out an account (A12).
const refusalHold = 30 * time.Second

// The waits after a response that asks to try later without a time, and after no
// response. The first grows with each failure; the other only shares the failure with
// callers that wait for the same token.
const (
	laterHold   = 5 * time.Second
	silenceHold = 2 * time.Second
)

// Hold returns how long not to ask again: as long as the server asked for (A11), 30 s
// after a refusal that counts against the account (A12), a moment after other temporary
// failures; else 0.
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
	if e.Status == 401 || e.Status == 407 { // 407 is a proxy's, whose account may be locked as well
		return refusalHold
	}
	return 0
}

func policy(reason string) error { return &Error{Kind: Policy, Reason: reason} }
