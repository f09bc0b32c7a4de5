package oauth

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// reply is a valid response, decoded.
type reply struct {
	access   string
	life     time.Duration
	scope    string
	refresh  secret.Text
	issued   string // issued_token_type (RFC 8693 2.2.1), sanitized; may be empty
	skew     time.Duration
	warnings []string

	correlation string // the server's id of the request
}

// taken reports whether a status can belong to a token response. RFC 6749 5.1 requires
// 200; servers built on REST frameworks send 201, because a token was created. 202
// promises a later result, and a 203 was modified on its way.
func taken(status int) bool { return status == http.StatusOK || status == http.StatusCreated }

// accept decodes a token, or returns why the response is not one. Only a response with
// a status of taken and without an "error" member can be a token (RFC 6749 5.1, A17).
func (x *exchange) accept(a answer) (reply, *Error) {
	found, unreadable := x.client.parse(a)
	x.client.tellRotated(a, found)
	switch {
	case !taken(a.status):
		return reply{}, x.refusal(a, found, unreadable)
	case unreadable != noFlaw:
		return reply{}, a.malformed(unreadable)
	case found["error"].given():
		return reply{}, x.refusal(a, found, noFlaw)
	}
	r, wrong := x.client.interpret(found)
	if wrong == noFlaw && !x.client.answersNonce(found["id_token"]) {
		wrong = flawNonce
	}
	if wrong != noFlaw {
		return reply{}, a.malformed(wrong)
	}
	r.skew, r.correlation = a.skew, a.correlation
	if a.skew.Abs() > skewWarning {
		r.warnings = append(r.warnings, "the server's clock and ours differ by "+a.skew.Abs().String())
	}
	return x.client.compareScopes(r, a)
}

// answersNonce reports whether an ID token, if there is a readable one, belongs to this
// sign-in. It is used for nothing else.
func (c *Client) answersNonce(id field) bool {
	if c.Use.Nonce.IsZero() || id.shape != text {
		return true
	}
	part := strings.Split(id.text, ".")
	if len(part) != 3 { // encrypted
		return true
	}
	claims, ok := jwtPart(part[1])
	return ok && textOf(claims, "nonce") == c.Use.Nonce.Reveal()
}

func (a answer) malformed(f flaw) *Error {
	e := &Error{Kind: Malformed, Status: a.status, Reason: f.reason, Cure: f.cure, Skew: a.skew, CorrelationID: a.correlation}
	if f.later {
		e.Kind = Unreachable
	}
	return e
}

// interpret decodes the members of RFC 6749 5.1. Defects of scope and refresh token,
// which only inform, do not invalidate the access token.
func (c *Client) interpret(f fields) (reply, flaw) {
	var r reply
	if f["access_token"].shape == absent {
		return r, flawMissing(slices.DeleteFunc(f.names(), func(name string) bool { return c.redact(name) != name }))
	}
	if wrong := c.checkType(f["token_type"]); wrong != noFlaw && !c.notApplicable(f["token_type"], f["issued_token_type"]) {
		return r, wrong
	}
	if wrong := c.checkAccess(f["access_token"]); wrong != noFlaw {
		return r, wrong
	}
	if c.isRefresh(f) {
		return r, flawRefresh
	}
	life, wrong := c.lifetime(f["expires_in"])
	if wrong != noFlaw {
		return r, wrong
	}
	r.access, r.life = f["access_token"].text, life
	if issued := f["issued_token_type"]; issued.shape == text && !issued.dirty {
		r.issued = c.foreign(issued.text)
	}
	c.readRefresh(&r, f["refresh_token"])
	c.readScope(&r, f["scope"])
	return r, noFlaw
}

// checkAccess checks that every tool can send the token (A16).
func (c *Client) checkAccess(access field) flaw {
	switch {
	case access.shape != text:
		return flawNoText
	case access.text == "":
		return flawNoToken
	case len(access.text) > secret.MaxToken:
		return flawLength(len(access.text))
	case access.dirty || !secret.ValidToken(access.text, true):
		return flawUncarried
	case !secret.ValidToken(access.text, c.WideToken):
		return flawCharset
	}
	return noFlaw
}

func (c *Client) readRefresh(r *reply, refresh field) {
	switch {
	case !refresh.given():
	case refresh.shape == text && keepable(refresh.text):
		r.refresh = secret.New(refresh.text)
	default:
		r.warnings = append(r.warnings, "the answer has a refresh_token that cannot be one; it was left out")
	}
}

// readScope also accepts a list or a number, because scope is only shown and compared.
func (c *Client) readScope(r *reply, scope field) {
	switch {
	case scope.shape == absent: // as requested (RFC 6749 5.1)
		r.scope = strings.Join(c.Scopes, " ")
	case scope.shape == other:
		r.warnings = append(r.warnings, "the answer has a scope that cannot be read")
		if !c.RequireScopes {
			r.scope = strings.Join(c.Scopes, " ")
		}
	default:
		r.scope = c.foreign(scope.text)
	}
}

// boundTypes are token types that no setting treats as Bearer: such a token is useless
// without a key or proof, or is not an access token (A15).
var boundTypes = [...]string{"DPoP", "mac", "pop", "N_A"}

// NeverBearer reports whether a token type cannot be that of a bearer token.
func NeverBearer(kind string) bool {
	return slices.ContainsFunc(boundTypes[:], func(b string) bool { return strings.EqualFold(kind, b) })
}

// checkType accepts Bearer in any letter case, and the names that the profile lists
// (A15).
func (c *Client) checkType(f field) flaw {
	switch {
	case !f.given() && c.AllowMissingType:
		return noFlaw
	case !f.given():
		return flawNoType
	case f.shape != text || f.dirty || !word(f.text, 40):
		return flawOddType
	case strings.EqualFold(f.text, "Bearer"):
		return noFlaw
	case c.redact(f.text) != f.text: // the others are shown
		return flawOddType
	case strings.EqualFold(f.text, "N_A"):
		return flaw{reason: "a token_type that is not Bearer: N_A, so this is no access token (RFC 8693 2.2.1)", cure: "to be given it by name: requested_token_type (credhelper edit {profile})"}
	case NeverBearer(f.text):
		return flawBound(f.text)
	case slices.ContainsFunc(c.AllowTypes, func(t string) bool { return strings.EqualFold(t, f.text) }):
		return noFlaw
	}
	return flawType(f.text)
}

// compareScopes checks for scopes that were requested and not granted (A17). A response
// without scope grants the requested ones (RFC 6749 5.1). Entra's "/.default" stands
// for everything that an administrator granted, so responses never contain it.
func (c *Client) compareScopes(r reply, a answer) (reply, *Error) {
	granted := strings.Fields(r.scope)
	for _, s := range c.LeftOut {
		if slices.Contains(granted, s) {
			return reply{}, a.otherScope("granted although it was left out: scope " + s)
		}
	}
	var missing []string
	for _, scope := range c.Scopes {
		if !strings.HasSuffix(scope, "/.default") && !slices.Contains(granted, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) == 0 {
		return r, nil
	}
	text := "not granted: scope " + strings.Join(missing, " ")
	if c.RequireScopes {
		return reply{}, a.otherScope(text)
	}
	r.warnings = append(r.warnings, printable.Value(text))
	return r, nil
}

func (a answer) otherScope(text string) *Error {
	return &Error{Kind: Policy, Status: a.status, Reason: printable.Value(text), Skew: a.skew, CorrelationID: a.correlation}
}
