package oauthtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// grant is one grant of the plain server. It has a client that proved itself.
type grant struct {
	name string // grant_type
	play func(s *Server, c Client, a tokenRequest) response
}

var grants = [...]grant{
	{"client_credentials", clientCredentials},
	{"authorization_code", codeGrant},
	{"refresh_token", refreshGrant},
	{"urn:ietf:params:oauth:grant-type:device_code", deviceGrant},
	{jwtBearerGrant, assertionGrant},
	{"urn:ietf:params:oauth:grant-type:token-exchange", exchangeGrant},
}

const jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// signIn is a sign-in: a code or a device code that leads to tokens, and the
// family that they belong to.
type signIn struct {
	client    Client
	scope     string
	challenge string
	redirect  string
	nonce     string
	family    string
	expires   time.Time
	asked     int  // how often a device code was asked about
	used      bool // a code counts once
}

// refreshToken is a refresh token that was given out.
type refreshToken struct {
	client Client
	scope  string
	family string
	used   bool
}

func refuse(status int, code, text string) response {
	return response{status, nil, oauthError{code, text}}
}

// granted is the answer of RFC 6749 5.1.
func (s *Server) granted(c Client, scope, family string) response {
	token, seconds := s.issueTo(c, scope, family)
	kind := "Bearer"
	if s.odd("dpop") {
		kind = "DPoP"
	}
	answer := map[string]any{"access_token": token, "token_type": kind, "expires_in": seconds}
	if scope != "" {
		answer["scope"] = scope
	}
	if family != "" {
		answer["refresh_token"] = s.newRefresh(c, scope, family)
	}
	return response{200, nil, answer}
}

// narrowed is the scope of the tokens of a request that may ask for less (RFC 6749 6).
func (s *Server) narrowed(whole, asked string) string {
	if asked == "" || s.odd("scope-ignored") {
		return whole
	}
	return asked
}

func (s *Server) newRefresh(c Client, scope, family string) string {
	token := "r-" + rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh[token] = &refreshToken{client: c, scope: scope, family: family}
	return token
}

func clientCredentials(s *Server, c Client, a tokenRequest) response {
	whole := a.form.Get("scope")
	if s.odd("scope-ignored") {
		whole = "read write"
	}
	return s.granted(c, whole, "")
}

// codeGrant is RFC 6749 4.1.3 with RFC 7636 4.6. A code that comes twice kills
// what it gave (RFC 6749 4.1.2).
func codeGrant(s *Server, c Client, a tokenRequest) response {
	s.mu.Lock()
	code := s.codes[a.form.Get("code")]
	again := code != nil && code.used
	if code != nil {
		code.used = true
	}
	s.mu.Unlock()
	sum := sha256.Sum256([]byte(a.form.Get("code_verifier")))
	switch {
	case code == nil || code.client.ID != c.ID || s.options.Now().After(code.expires):
		return refuse(400, "invalid_grant", "unknown code")
	case again:
		s.fault("a code twice (RFC 6749 4.1.2)")
		s.kill(code.family)
		return refuse(400, "invalid_grant", "the code was used")
	case code.redirect != a.form.Get("redirect_uri"):
		s.fault("redirect_uri is not that of the authorization request (RFC 6749 4.1.3)")
		return refuse(400, "invalid_grant", "redirect_uri")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != code.challenge:
		s.fault("code_verifier does not fit (RFC 7636 4.6)")
		return refuse(400, "invalid_grant", "code_verifier")
	}
	answer := s.granted(c, code.scope, code.family)
	if slices.Contains(strings.Fields(code.scope), "openid") {
		answer.body.(map[string]any)["id_token"] = s.idToken(c, code.nonce)
	}
	return answer
}

// idToken is an ID token of OpenID Connect Core 2, as far as a nonce matters.
func (s *Server) idToken(c Client, nonce string) string {
	claims := map[string]any{"iss": s.Issuer(), "aud": c.ID, "sub": "person", "nonce": nonce}
	if s.odd("nonce-wrong") {
		claims["nonce"] = "another"
	}
	if s.odd("nonce-missing") {
		delete(claims, "nonce")
	}
	text, _ := json.Marshal(claims) // texts always marshal
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(text) + ".c2ln"
}

// refreshGrant is RFC 6749 6 with rotation and the detection of reuse (RFC 9700
// 4.14.2): a token that was replaced kills the whole family.
func refreshGrant(s *Server, c Client, a tokenRequest) response {
	s.mu.Lock()
	old := s.refresh[a.form.Get("refresh_token")]
	again := old != nil && old.used
	keep := slices.Contains(s.quirks, "refresh-kept")
	if old != nil && !keep {
		old.used = true
	}
	s.mu.Unlock()
	switch {
	case old == nil || old.client.ID != c.ID:
		return refuse(400, "invalid_grant", "unknown refresh token")
	case again:
		s.fault("a refresh token twice (RFC 9700 4.14.2)")
		s.kill(old.family)
		return refuse(400, "invalid_grant", "the refresh token was used; the sign-in is over")
	case keep:
		token, seconds := s.issueTo(c, old.scope, old.family)
		return response{200, nil, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": seconds}}
	}
	answer := s.granted(c, s.narrowed(old.scope, a.form.Get("scope")), old.family)
	if next, given := answer.body.(map[string]any)["refresh_token"].(string); given { // its scope stays (RFC 6749 6)
		s.mu.Lock()
		s.refresh[next].scope = old.scope
		s.mu.Unlock()
	}
	return answer
}

// rotate is the refresh token in the place of the one that a request shows, for
// answers that are odd in other ways. One that was replaced before ends the sign-in.
func (s *Server) rotate(a tokenRequest) string {
	c, _ := s.client(a.id)
	s.mu.Lock()
	old := s.refresh[a.form.Get("refresh_token")]
	again := old != nil && old.used
	if old != nil {
		old.used = true
	}
	s.mu.Unlock()
	switch {
	case old == nil:
		return s.newRefresh(c, "", "")
	case again:
		s.fault("a refresh token twice (RFC 9700 4.14.2)")
		s.kill(old.family)
	}
	return s.newRefresh(c, old.scope, old.family)
}

// kill ends a sign-in: its access tokens and refresh tokens.
func (s *Server) kill(family string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, record := range s.issued {
		if record.family == family {
			delete(s.issued, token)
		}
	}
	for token, record := range s.refresh {
		if record.family == family {
			delete(s.refresh, token)
		}
	}
}

// deviceGrant is RFC 8628 3.5. The person has finished at the second question,
// at the fourth with device-pending.
func deviceGrant(s *Server, c Client, a tokenRequest) response {
	s.mu.Lock()
	device := s.codes[a.form.Get("device_code")]
	n, over := 0, false
	if device != nil {
		device.asked++
		n, over = device.asked, s.options.Now().After(device.expires)
	}
	s.mu.Unlock()
	wanted := 2
	if s.odd("device-pending") {
		wanted = 4
	}
	switch {
	case device == nil || device.client.ID != c.ID:
		return refuse(400, "invalid_grant", "unknown device code")
	case over, s.odd("device-expired"):
		return refuse(400, "expired_token", "")
	case s.odd("device-denied"):
		return refuse(400, "access_denied", "the person declined")
	case s.odd("device-slow") && n == 1:
		return refuse(400, "slow_down", "")
	case n < wanted:
		return refuse(400, "authorization_pending", "")
	}
	return s.granted(c, device.scope, device.family)
}

// assertionGrant is RFC 7523 2.1.
func assertionGrant(s *Server, c Client, a tokenRequest) response {
	if reason := s.badAssertion(c, a.form.Get("assertion"), false); reason != "" {
		return refuse(400, "invalid_grant", reason)
	}
	return s.granted(c, a.form.Get("scope"), "")
}

// exchangeGrant is RFC 8693 2. The subject must be a token of this server, or
// begin with "subject", for scripts.
func exchangeGrant(s *Server, c Client, a tokenRequest) response {
	subject := a.form.Get("subject_token")
	s.mu.Lock()
	_, known := s.issued[subject]
	s.mu.Unlock()
	kind := a.form.Get("subject_token_type")
	switch {
	case !strings.HasPrefix(kind, "urn:ietf:params:oauth:token-type:"):
		s.fault("subject_token_type %q (RFC 8693 2.1)", kind)
		return refuse(400, "invalid_request", "subject_token_type")
	case !known && !strings.HasPrefix(subject, "subject"):
		return refuse(400, "invalid_grant", "unknown subject token")
	}
	answer := s.granted(c, a.form.Get("scope"), "")
	body := answer.body.(map[string]any)
	body["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
	if s.odd("exchange-refresh") {
		body["issued_token_type"], body["refresh_token"] = "urn:ietf:params:oauth:token-type:refresh_token", "refresh-"+rand.Text()
	}
	if s.odd("exchange-only-refresh") {
		body["issued_token_type"] = "urn:ietf:params:oauth:token-type:refresh_token"
	}
	if s.odd("exchange-na") {
		body["token_type"], body["issued_token_type"] = "N_A", "urn:ietf:params:oauth:token-type:id_token"
		delete(body, "expires_in")
	}
	return answer
}
