package oauthtest

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Issuer is what the server calls itself in discovery, iss and aud.
func (s *Server) Issuer() string { return s.URL() }

// around are the plain server's endpoints beside /token; "" as second result for
// what is none of them.
func (s *Server) around(path string, r Request) (response, bool) {
	switch path {
	case "/authorize":
		return s.authorize(r), true
	case "/device_authorization":
		return s.withClient(r, s.device), true
	case "/introspect":
		return s.withClient(r, s.introspect), true
	case "/revoke":
		return s.withClient(r, s.revoke), true
	case "/.well-known/openid-configuration":
		if s.odd("metadata-8414") || s.odd("metadata-none") {
			return response{404, nil, map[string]any{}}, true
		}
		return s.metadata(), true
	case "/.well-known/oauth-authorization-server":
		if s.odd("metadata-none") {
			return response{404, nil, map[string]any{}}, true
		}
		return s.metadata(), true
	}
	return response{}, false
}

// authorize is RFC 6749 4.1.1 without a page: the person says yes at once. Every
// rule that a native app has to keep is held (RFC 7636 4.3, RFC 8252 7.3).
func (s *Server) authorize(r Request) response {
	_, query, _ := strings.Cut(r.Target, "?")
	q, err := url.ParseQuery(query)
	c, known := s.client(q.Get("client_id"))
	back, err2 := url.Parse(q.Get("redirect_uri"))
	broken := ""
	switch {
	case r.Method != "GET" || err != nil || err2 != nil:
		broken = "an authorization request that cannot be read"
	case !known:
		return response{400, nil, "unknown client"}
	case q.Get("response_type") != "code":
		broken = "response_type " + q.Get("response_type")
	case len(q.Get("state")) < 20:
		broken = "a state that can be guessed (RFC 6749 10.10)"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		broken = "no S256 challenge (RFC 7636 4.3)"
	case back.Scheme != "http" || back.Hostname() != "127.0.0.1" && back.Hostname() != "localhost" && back.Hostname() != "::1":
		broken = "redirect_uri " + q.Get("redirect_uri") + " is not on loopback (RFC 8252 7.3)"
	}
	if broken == "" && slices.Contains(strings.Fields(q.Get("scope")), "openid") && q.Get("nonce") == "" {
		broken = "openid without nonce (Glewlwyd)"
	}
	if broken != "" {
		s.fault("%s", broken)
		return response{400, nil, broken}
	}
	code := "c-" + rand.Text()
	s.mu.Lock()
	s.codes[code] = &signIn{
		client: c, scope: q.Get("scope"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri"), nonce: q.Get("nonce"), family: rand.Text(),
		expires: s.options.Now().Add(time.Minute),
	}
	s.mu.Unlock()
	back.RawQuery = s.comeBack(q.Get("state"), code)
	return response{302, [][2]string{{"Location", back.String()}}, ""}
}

// comeBack is the query of the answer (RFC 6749 4.1.2, RFC 9207 2).
func (s *Server) comeBack(state, code string) string {
	v := url.Values{"state": {state}, "iss": {s.Issuer()}, "code": {code}}
	if s.odd("consent-denied") {
		v.Del("code")
		v.Set("error", "access_denied")
		v.Set("error_description", "The person said no.")
	}
	for name, change := range map[string]func(){
		"state-wrong":   func() { v.Set("state", "another") },
		"state-missing": func() { v.Del("state") },
		"iss-missing":   func() { v.Del("iss") },
		"iss-wrong":     func() { v.Set("iss", "https://other.example.com") },
		"code-twice":    func() { v.Add("code", "another") },
		"code-missing":  func() { v.Del("code") },
	} {
		if s.odd(name) {
			change()
		}
	}
	return v.Encode()
}

// withClient checks a form as the token endpoint does, and who sends it.
func (s *Server) withClient(r Request, play func(Client, tokenRequest) response) response {
	a, broken := check(r)
	if broken != "" && !strings.HasPrefix(broken, "no grant_type") {
		s.fault("%s", broken)
		return refuse(400, "invalid_request", broken)
	}
	c, _, right := s.authenticate(a, "either")
	if !right {
		return refuse(401, "invalid_client", "")
	}
	return play(c, a)
}

// device is RFC 8628 3.2.
func (s *Server) device(c Client, a tokenRequest) response {
	code, user := "d-"+rand.Text(), rand.Text()[:4]+"-"+rand.Text()[:4]
	life := 5 * time.Minute
	s.mu.Lock()
	s.codes[code] = &signIn{client: c, scope: a.form.Get("scope"), family: rand.Text(), expires: s.options.Now().Add(life)}
	s.mu.Unlock()
	page := strings.Replace(s.URL(), "http://", "https://", 1) + "/device"
	if s.odd("device-http") {
		page = "http://login.example.com/device"
	}
	answer := map[string]any{
		"device_code": code, "user_code": user, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + user,
		"expires_in": int(life / time.Second), "interval": 1,
	}
	if s.odd("device-no-interval") {
		delete(answer, "interval")
	}
	if s.odd("device-negative") {
		answer["interval"], answer["expires_in"] = -1, -1
	}
	if s.odd("device-created") {
		return response{201, nil, answer}
	}
	return response{200, nil, answer}
}

// introspect is RFC 7662 2.2.
func (s *Server) introspect(_ Client, a tokenRequest) response {
	if s.odd("introspect-401") {
		return refuse(401, "invalid_client", "client authentication is required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	record, good := s.issued[a.form.Get("token")]
	if !good || !s.options.Now().Before(record.expires) {
		return response{200, nil, map[string]any{"active": false}}
	}
	return response{200, nil, map[string]any{
		"active": true, "client_id": record.client.ID, "scope": record.scope, "exp": record.expires.Unix(), "username": "anna", "sub": "anna",
	}}
}

// revoke is RFC 7009 2.2: good, whatever the token. A refresh token ends its
// sign-in.
func (s *Server) revoke(_ Client, a tokenRequest) response {
	token := a.form.Get("token")
	s.mu.Lock()
	s.revoked = append(s.revoked, token)
	record := s.refresh[token]
	delete(s.issued, token)
	s.mu.Unlock()
	if record != nil {
		s.kill(record.family)
	}
	return response{200, nil, map[string]any{}}
}

// Revoked are the tokens that were revoked, in order.
func (s *Server) Revoked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.revoked...)
}

// metadata is RFC 8414 3.2.
func (s *Server) metadata() response {
	issuer, token := s.Issuer(), s.TokenURL()
	if s.odd("metadata-issuer") {
		issuer = "https://other.example.com"
	}
	if s.odd("metadata-origin") {
		token = "https://other.example.com/token"
	}
	if s.odd("metadata-clear") {
		token = "http://127.0.0.9/token"
	}
	body, _ := json.Marshal(map[string]any{ // texts always marshal
		"issuer": issuer, "token_endpoint": token, "authorization_endpoint": s.URL() + "/authorize",
		"device_authorization_endpoint": s.URL() + "/device_authorization", "revocation_endpoint": s.URL() + "/revoke",
		"introspection_endpoint": s.URL() + "/introspect", "authorization_response_iss_parameter_supported": true,
		"grant_types_supported": []string{"client_credentials", "authorization_code", "refresh_token"},
	})
	return response{200, [][2]string{{"Content-Type", "application/json"}, {"Cache-Control", "max-age=600"}}, string(body)}
}
