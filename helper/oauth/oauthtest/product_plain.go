package oauthtest

import (
	"slices"
	"strings"
)

// plain is an authorization server as RFC 6749 has it, with one protected
// resource, /me.
var plain = func() Product {
	path, is := fixed("/token")
	return Product{Name: "plain", tokenPath: path, isToken: is, token: plainToken, api: plainAPI}
}()

func plainToken(s *Server, a asked) said {
	c, refusal := s.usual(a, "either")
	if refusal != nil {
		return *refusal
	}
	token, seconds := s.issue(c, a.form.Get("scope"))
	answer := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": seconds}
	if scope := a.form.Get("scope"); scope != "" {
		answer["scope"] = scope
	}
	return said{200, nil, answer}
}

// usual are the refusals of RFC 6749 5.2, in the order in which servers look.
func (s *Server) usual(a asked, way string) (Client, *said) {
	c, _, right := s.authenticate(a, way)
	switch {
	case !right && a.way == "basic":
		return c, &said{401, [][2]string{{"WWW-Authenticate", `Basic realm="oauthtest"`}}, oauthError{"invalid_client", ""}}
	case !right:
		return c, &said{401, nil, oauthError{"invalid_client", ""}}
	case a.form.Get("grant_type") != "client_credentials":
		return c, &said{400, nil, oauthError{"unsupported_grant_type", ""}}
	}
	for _, scope := range strings.Fields(a.form.Get("scope")) {
		if c.Scopes != nil && !slices.Contains(c.Scopes, scope) {
			return c, &said{400, nil, oauthError{"invalid_scope", "unknown scope " + scope}}
		}
	}
	return c, nil
}

func plainAPI(s *Server, path string, r Request) said {
	known, _, good := s.bearer(r)
	switch {
	case !good:
		return said{401, [][2]string{{"WWW-Authenticate", `Bearer realm="oauthtest", error="invalid_token"`}}, oauthError{"invalid_token", ""}}
	case known.client.Barred:
		return said{403, [][2]string{{"WWW-Authenticate", `Bearer error="insufficient_scope"`}}, oauthError{"insufficient_scope", ""}}
	case path == "/me":
		return said{200, nil, map[string]any{"client_id": known.client.ID, "scope": known.scope}}
	}
	return said{404, nil, map[string]any{"message": "not found"}}
}
