package oauth

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

// reply is a good answer as we understood it.
type reply struct {
	access   string
	life     time.Duration
	scope    string
	refresh  secret.Text
	skew     time.Duration
	warnings []string

	correlation string // the server's id of the request
}

// accept makes a token of an answer, or says why not. Only status 200 without an
// "error" member can be a token (RFC 6749 5.1, A17); 204, 206 and their like are
// no answers to this question (4.5 row 34).
func (x *exchange) accept(a answer) (reply, *Error) {
	found, unreadable := x.client.parse(a)
	switch {
	case a.status != http.StatusOK:
		return reply{}, x.refusal(a, found, unreadable)
	case unreadable != "":
		return reply{}, a.malformed(unreadable)
	case found["error"].shape != absent:
		return reply{}, x.refusal(a, found, "")
	}
	r, reason := x.client.interpret(found)
	if reason != "" {
		return reply{}, a.malformed(reason)
	}
	r.skew, r.correlation = a.skew, a.correlation
	if a.skew.Abs() > skewWarning {
		r.warnings = append(r.warnings, "the server's clock and ours differ by "+a.skew.Abs().String())
	}
	return x.client.compareScopes(r, a)
}

func (a answer) malformed(reason string) *Error {
	return &Error{Kind: Malformed, Status: a.status, Reason: reason, Skew: a.skew, CorrelationID: a.correlation}
}

// interpret reads the members of RFC 6749 5.1. The reason never repeats a value.
func (c *Client) interpret(f fields) (reply, string) {
	var r reply
	if reason := c.checkType(f["token_type"]); reason != "" && !c.notApplicable(f["token_type"], f["issued_token_type"]) {
		return r, reason
	}
	access := f["access_token"]
	switch {
	case access.shape == absent:
		return r, "no access_token"
	case access.shape != text || access.dirty || !secret.ValidToken(access.text, c.WideToken):
		return r, "an access_token that no header may carry"
	}
	life, reason := c.lifetime(f["expires_in"])
	if reason != "" {
		return r, reason
	}
	if refresh := f["refresh_token"]; refresh.shape != absent {
		if refresh.shape != text || !refreshToken(refresh.text) {
			return r, "a refresh_token that cannot be one"
		}
		r.refresh = secret.New(refresh.text)
	}
	scope := f["scope"]
	if scope.shape != absent && (scope.shape != text || scope.dirty) {
		return r, "a scope that is no text"
	}
	r.access, r.life, r.scope = access.text, life, strings.Join(c.Scopes, " ")
	if scope.shape == text {
		r.scope = Sanitise(scope.text)
	}
	return r, ""
}

// checkType accepts Bearer in any letter case and nothing else (A15): a token
// that is bound to a key or a proof is useless, and misleading, as a Bearer.
func (c *Client) checkType(f field) string {
	switch {
	case f.shape == absent && c.AllowMissingType:
		return ""
	case f.shape == absent:
		return "no token_type"
	case f.shape == text && strings.EqualFold(f.text, "Bearer"):
		return ""
	case f.shape == text && strings.EqualFold(f.text, "DPoP"):
		return "a DPoP token, which is bound to a key and no Bearer token (RFC 9449)"
	}
	return "a token_type that is not Bearer"
}

// refreshToken is RFC 6749 A.17, 1*VSCHAR, at most 64 KiB.
func refreshToken(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= 64<<10
}

// compareScopes looks for scopes that were asked for and not granted (A17). An
// answer without scope grants what was asked (RFC 6749 5.1). Entra's "/.default"
// stands for whatever an administrator granted, so it is never among them.
func (c *Client) compareScopes(r reply, a answer) (reply, *Error) {
	granted := strings.Fields(r.scope)
	var missing []string
	for _, asked := range c.Scopes {
		if !strings.HasSuffix(asked, "/.default") && !slices.Contains(granted, asked) {
			missing = append(missing, asked)
		}
	}
	if len(missing) == 0 {
		return r, nil
	}
	text := Sanitise("not granted: scope " + strings.Join(missing, " "))
	if c.RequireScopes {
		return reply{}, &Error{Kind: Policy, Status: a.status, Reason: text, Skew: a.skew, CorrelationID: a.correlation}
	}
	r.warnings = append(r.warnings, text)
	return r, nil
}
