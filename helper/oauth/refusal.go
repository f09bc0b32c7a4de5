package oauth

import "net/http"

// refusal makes an error of an answer that is none of a token. Where there is
// JSON its "error" counts, else the status: real servers refuse with 400, 401 and
// 403, with JSON, with a page and with nothing at all. No code, text or body is
// ever required.
func (x *exchange) refusal(a answer, found fields, unreadable string) *Error {
	c := x.client
	e := &Error{Kind: kindOf(a.status), Status: a.status, Skew: a.skew, again: x.repeatable(a.status)}
	if e.Kind == Unreachable {
		e.RetryAfter = a.retryAfter
	}
	if f := found["error"]; f.shape == text {
		e.Code = c.foreign(f.text)
	}
	for _, name := range [...]string{"error_description", "message"} {
		if f := found[name]; f.shape == text && e.Description == "" {
			code, first := entraCode(f.text)
			e.AADSTS, e.Description = code, c.foreign(first)
		}
	}
	if e.CorrelationID = correlationID(found["correlation_id"].text); e.CorrelationID == "" {
		e.CorrelationID = a.correlation
	}
	if e.Code == "temporarily_unavailable" { // Microsoft: to be asked again later
		e.Kind = Unreachable
	}
	if e.Code == "" {
		e.Reason = unreadable
	}
	if e.Kind == Malformed {
		e.Reason = "a status that is no answer to a token request"
		if a.status >= 300 && a.status < 400 {
			e.Reason = "a redirect, which is never followed"
		}
		e.Code, e.Description = "", ""
	}
	if e.Code == "" && e.Description == "" && e.Reason == "" {
		e.Reason = "no reason given"
	}
	return e
}

// kindOf is what a status means without a body. 200 comes here only with an
// error member (A17).
func kindOf(status int) Kind {
	switch {
	case later(status), status >= 500:
		return Unreachable
	case status == http.StatusOK, status >= 400:
		return Refused
	}
	return Malformed
}
