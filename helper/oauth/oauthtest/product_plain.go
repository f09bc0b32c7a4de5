package oauthtest

import (
	"slices"
	"strings"
)

// plain is an authorization server as RFC 6749 has it, with one protected
// resource, /me.
var plain = func() Product {
	path, is := fixed("/token")
	return Product{Name: "plain", tokenPath: path, isToken: is, token: plainToken, api: plainAPI, full: true, tooMany: plainTooMany}
}()

func plainToken(s *Server, a tokenRequest) response {
	name := a.form.Get("grant_type")
	c, refusal := s.who(a, "either")
	if claims, ok := unverified(a.form.Get("assertion")); name == jwtBearerGrant && a.id == "" && a.way == "none" && ok {
		c, _ = s.client(claims.Issuer) // RFC 7521 4.1: the assertion says who asks
		refusal = nil
	}
	if refusal != nil {
		return *refusal
	}
	for _, g := range grants {
		if g.name == name {
			return g.play(s, c, a)
		}
	}
	return refuse(400, "unsupported_grant_type", "")
}

// usual is who for products that have one grant.
func (s *Server) usual(a tokenRequest, way string) (Client, *response) {
	c, refusal := s.who(a, way)
	if refusal == nil && a.form.Get("grant_type") != "client_credentials" {
		return c, &response{400, nil, oauthError{"unsupported_grant_type", ""}}
	}
	return c, refusal
}

// who are the refusals of RFC 6749 5.2, in the order in which servers look.
func (s *Server) who(a tokenRequest, way string) (Client, *response) {
	c, _, right := s.authenticate(a, way)
	switch {
	case !right && a.way == "basic":
		return c, &response{401, [][2]string{{"WWW-Authenticate", `Basic realm="oauthtest"`}}, oauthError{"invalid_client", ""}}
	case !right:
		return c, &response{401, nil, oauthError{"invalid_client", ""}}
	}
	for _, scope := range strings.Fields(a.form.Get("scope")) {
		if c.Scopes != nil && !slices.Contains(c.Scopes, scope) {
			return c, &response{400, nil, oauthError{"invalid_scope", "unknown scope " + scope}}
		}
	}
	return c, nil
}

func plainAPI(s *Server, path string, r Request) response {
	record, _, good := s.bearer(r)
	switch {
	case !good:
		return response{401, [][2]string{{"WWW-Authenticate", `Bearer realm="oauthtest", error="invalid_token"`}}, oauthError{"invalid_token", ""}}
	case record.client.Barred:
		return response{403, [][2]string{{"WWW-Authenticate", `Bearer error="insufficient_scope"`}}, oauthError{"insufficient_scope", ""}}
	case path == "/me":
		return response{200, nil, map[string]any{"client_id": record.client.ID, "scope": record.scope}}
	}
	return response{404, nil, map[string]any{"message": "not found"}}
}
