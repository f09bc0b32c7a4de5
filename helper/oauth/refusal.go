package oauth

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/credhelper/credhelper/protocol/printable"
)

// errorCodes are the values of "error" with a fixed meaning (RFC 6749 4.1.2.1 and 5.2,
// RFC 7009, RFC 8628, RFC 8707). They are not redacted, even if a short secret is a
// part of one.
var errorCodes = [...]string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable", "unsupported_token_type",
	"authorization_pending", "slow_down", "expired_token", "invalid_target",
}

// refusal makes an error of a response without a token. In JSON its "error" decides,
// else the status: servers refuse with 400, 401 and 403, with JSON, with an HTML page
// and with an empty body. No code, text or body is required.
func (x *exchange) refusal(a answer, found fields, unreadable flaw) *Error {
	c := x.client
	e := &Error{Kind: kindOf(a.status), Status: a.status, Skew: a.skew, Date: a.date, Grant: c.Grant, Auth: x.auth.Name, again: x.repeatable(a.status)}
	if c.RawBasic && x.auth.Name == basicAuth.Name {
		e.Auth += " raw"
	}
	if e.Kind == Unreachable {
		e.RetryAfter = a.retryAfter
	}
	if f := found["error"]; f.shape == text {
		if e.Code = f.text; !slices.Contains(errorCodes[:], e.Code) {
			e.Code = c.foreign(f.text)
		}
	}
	for _, name := range [...]string{"error_description", "message", "meta"} {
		if f := found[name]; f.shape == text && e.Description == "" {
			code, first := entraCode(c.redact(f.text)) // before it is truncated
			e.AADSTS, e.Description = code, printable.Value(first)
		}
	}
	if e.CorrelationID = correlationID(c.redact(found["correlation_id"].text)); e.CorrelationID == "" {
		e.CorrelationID = a.correlation
	}
	if e.Code == "temporarily_unavailable" { // Microsoft: try again later
		e.Kind = Unreachable
	}
	if e.Code == "" && e.Description == "" {
		e.Reason = orText(c.plainText(a), unreadable.reason)
	}
	if unreadable == flawPage && a.status == http.StatusForbidden {
		// This is often a firewall, which may let the next request pass.
		e.Kind, e.Cure = Unreachable, cureFirewall
	}
	if e.Kind == Malformed {
		f := flawStatus(a.status)
		if a.status >= 300 && a.status < 400 {
			f = flawRedirect(a.target)
		}
		e.Reason, e.Cure, e.Code, e.Description = f.reason, f.cure, "", ""
	}
	if e.Code == "" && e.Description == "" && e.Reason == "" {
		e.Reason = "no reason given"
	}
	return e
}

// kindOf returns the meaning of a status without a body. 200 occurs here only with an
// error member (A17).
func kindOf(status int) Kind {
	switch {
	case later(status), status >= 500:
		return Unreachable
	case taken(status), status >= 400:
		return Refused
	}
	return Malformed
}

// cureFirewall is the advice for an HTML page with status 403.
const cureFirewall = "a page answered, so it may be a firewall in front of the server that blocks this machine or its proxy; else check client_auth and the client's rights (credhelper edit {profile})"

// plainText returns the first line of a plain text response, such as a 429 of Entra's
// gateway; "" for anything else.
func (c *Client) plainText(a answer) string {
	body := bytes.TrimSpace(a.body)
	if a.media != "text/plain" || a.fault != "" || len(body) == 0 || body[0] == '{' || body[0] == '<' {
		return ""
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	return c.foreign(string(bytes.TrimSpace(line)))
}
