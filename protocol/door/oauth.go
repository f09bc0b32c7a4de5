package door

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// oauthDoor is the token endpoint of RFC 6749 for the grant of 4.4, client_credentials,
// at the path at which the guest's authorization server has it. The client sends id and
// secret as Basic or in the body (2.3.1). A scope and an audience narrow what the profile
// allows; other parameters are the profile's and are not read.
var oauthDoor = &Door{
	Match:  func(a Ask) bool { return a.Token },
	Decode: decodeOAuth,
	Encode: encodeOAuth,
	Refuse: refuseOAuth,
}

func decodeOAuth(a Ask) (c Claim, w Wish, err error) {
	if a.Method != "POST" {
		return c, w, protocol.Malformed("a token request is a POST")
	}
	if a.Form == nil {
		return c, w, protocol.Malformed("a token request has a body in application/x-www-form-urlencoded")
	}
	if c, err = claimOf(a.Header[authorization]); err != nil {
		return c, w, err
	}
	if id, text := a.Form.Get("client_id"), a.Form.Get("client_secret"); text != "" {
		if !c.Secret.IsZero() {
			return c, w, protocol.Malformed("the client authenticates in two ways") // RFC 6749 2.3
		}
		c = Claim{ID: id, Secret: secret.New(text)}
	}
	if a.Form.Get("grant_type") != "client_credentials" {
		return c, w, ErrGrant
	}
	return c, w, narrowing(a.Form, &w.Narrowing)
}

// narrowing reads a scope and an audience. One that is empty counts as if it were not
// there (RFC 6749 3.2).
func narrowing(form Parameters, n *protocol.Narrowing) (err error) {
	if scope := form.Get("scope"); scope != "" {
		err = n.AddScope(scope)
	}
	if audience := form.Get("audience"); audience != "" && err == nil {
		err = n.SetAudience(audience)
	}
	if err != nil {
		return &protocol.Error{Kind: ErrScope, Text: err.Error()}
	}
	return nil
}

// claimOf reads the value of an Authorization field. No value is no claim.
//
// Basic has two encodings: RFC 6749 2.3.1 encodes id and secret like a form before it,
// and most clients do not. Neither changes ours, which have no character that a form
// would encode.
func claimOf(field string) (c Claim, err error) {
	scheme, value, _ := strings.Cut(field, " ")
	switch {
	case field == "":
		return c, nil
	case strings.EqualFold(scheme, "Basic"):
		c.Basic = true
		raw, err := base64.StdEncoding.DecodeString(strings.TrimLeft(value, " "))
		id, text, pair := strings.Cut(string(raw), ":")
		if err != nil || !pair {
			return c, protocol.Malformed("the value of Basic is not the base64 of id:secret")
		}
		if decoded, err := url.QueryUnescape(id); err == nil {
			id = decoded
		}
		c.ID, c.Secret = id, secret.New(text)
		return c, nil
	case strings.EqualFold(scheme, "Bearer"):
		c.Secret = secret.New(strings.TrimLeft(value, " "))
		return c, nil
	}
	return c, protocol.Malformed("Authorization is neither Basic nor Bearer")
}

func encodeOAuth(_ Wish, g Grant) Reply {
	body, _ := json.Marshal(struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  int64  `json:"expires_in"`
	}{g.Token.Reveal(), g.Type, g.Life})
	return Reply{Status: 200, Body: body}
}

// refuseOAuth writes the errors of RFC 6749 5.2. The clients show error_description to
// their users, so it says what to do.
func refuseOAuth(c Claim, err error) Reply {
	r := Reply{Status: 400}
	code := "invalid_request"
	switch {
	case errors.Is(err, ErrClaim):
		r.Status, code = 401, "invalid_client"
		if c.Basic || c.Secret.IsZero() {
			r.Challenge = challenge
		}
	case errors.Is(err, ErrGrant):
		code = "unsupported_grant_type"
	case errors.Is(err, ErrScope):
		code = "invalid_scope"
	case errors.Is(err, protocol.ErrMalformed):
	case passes(err):
		r.Status, code, r.RetryAfter = 503, "temporarily_unavailable", retryAfter(err)
	default:
		code = "unauthorized_client"
	}
	r.Body, _ = json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, described(err)})
	return r
}

// described is an error with its hint, in the characters that RFC 6749 5.2 allows.
func described(err error) string {
	return strings.NewReplacer(`"`, "'", `\`, "/").Replace(sentence(err))
}

// sentence is an error with its hint, for people.
func sentence(err error) string {
	text := "credhelper: " + err.Error()
	if e := new(protocol.Error); errors.As(err, &e) && e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return printable.Line(text)
}

// challenge asks for the client id and secret.
const challenge = `Basic realm="credhelper"`

// passes reports whether the same request may succeed later without anybody's help, or
// with a person's who unlocks the keyring.
func passes(err error) bool {
	return errors.Is(err, protocol.ErrUnreachable) || errors.Is(err, protocol.ErrLocked) || errors.Is(err, protocol.ErrBusy)
}

// retryAfter is how many seconds later the request may be sent again.
func retryAfter(err error) int64 {
	if e := new(protocol.Error); errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	return 5
}
