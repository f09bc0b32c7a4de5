package oauthtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// issue is what is known of a token that was given out.
type issue struct {
	client  Client
	expires time.Time
	scope   string
	family  string // the sign-in it belongs to; "" if none
}

// response is an answer of a product, before it is written.
type response struct {
	status int
	header [][2]string
	body   any // marshalled as JSON; a string is written as it is
}

// token serves the token endpoint.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	defer s.spend(time.Now())
	got := s.record(r, &s.requests)
	a, broken := check(got)
	if broken != "" {
		s.fault("%s", broken)
	}
	if name := s.behaviour(); name != "ok" {
		s.misbehave(w, name, a)
		return
	}
	s.wait(r)
	if broken != "" {
		s.write(w, response{400, nil, oauthError{"invalid_request", broken}})
		return
	}
	a.path = strings.TrimPrefix(a.path, s.options.BasePath)
	s.write(w, s.product.token(s, a))
}

// spend counts the time since the beginning of a request.
func (s *Server) spend(began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent += time.Since(began)
}

// Spent is how long the server took for all its token answers, with the delay.
func (s *Server) Spent() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
}

type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// wait is the server's own time.
func (s *Server) wait(r *http.Request) {
	s.mu.Lock()
	d := s.delay
	s.mu.Unlock()
	if d == 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	case <-s.ending:
	}
}

func (s *Server) write(w http.ResponseWriter, a response) {
	body, plain := a.body.(string)
	if !plain {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Header().Set("Cache-Control", "no-store")
		marshalled, err := json.Marshal(a.body)
		if err != nil {
			s.fault("an answer that cannot be marshalled: %v", err)
		}
		body = string(marshalled)
	}
	for _, h := range a.header {
		w.Header().Set(h[0], h[1])
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(body)) // a client that has gone is no fault of the server's
}

// issue gives a new token out: JWT-like, since products' tokens are, with a
// number inside so that no two are equal.
func (s *Server) issue(c Client, scope string) (token string, seconds int64) {
	return s.issueTo(c, scope, "")
}

// issueTo is issue for a sign-in.
func (s *Server) issueTo(c Client, scope, family string) (token string, seconds int64) {
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	claims, _ := json.Marshal(map[string]any{ // texts and numbers always marshal
		"sub": c.ID, "n": s.sequence, "iat": now.Unix(), "exp": now.Add(s.lifetime).Unix(), "scope": scope,
	})
	signature := make([]byte, 64)
	_, _ = rand.Read(signature) // never fails
	encode := base64.RawURLEncoding.EncodeToString
	token = encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(claims) + "." + encode(signature)
	if more := s.options.TokenSize - len(token); more > 0 {
		token += strings.Repeat("x", more)
	}
	s.issued[token] = issue{client: c, expires: now.Add(s.lifetime), scope: scope, family: family}
	return token, int64(s.lifetime / time.Second)
}
