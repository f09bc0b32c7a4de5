package oauthtest

import (
	"fmt"
	"slices"
)

// quirk is one way in which real servers differ, or a hostile one lies, where no
// rule of a request is broken.
type quirk struct{ name, about string }

var quirks = [...]quirk{
	{"aud-issuer", "an assertion's aud must be the issuer (zitadel)"},
	{"aud-either", "an assertion's aud may be the issuer or the token endpoint (oidc-provider)"},
	{"iss-missing", "the authorization answer has no iss (before RFC 9207)"},
	{"iss-wrong", "the authorization answer names another issuer (RFC 9207 1)"},
	{"state-wrong", "the authorization answer has another state"},
	{"state-missing", "the authorization answer has no state"},
	{"code-twice", "the authorization answer has two codes"},
	{"code-missing", "the authorization answer has neither code nor error"},
	{"nonce-wrong", "the ID token has another nonce (OpenID Connect Core 3.1.3.7)"},
	{"nonce-missing", "the ID token has no nonce"},
	{"consent-denied", "the person declines"},
	{"device-slow", "the first question about a device code is answered slow_down"},
	{"device-pending", "the person takes three questions"},
	{"device-no-interval", "no interval (oidc-provider)"},
	{"device-negative", "interval -1 and expires_in -1"},
	{"device-expired", "the device code is over at once"},
	{"device-denied", "the person declines on the other device"},
	{"device-created", "the device endpoint answers 201"},
	{"device-http", "verification_uri is plain http"},
	{"scope-ignored", "a token has all scopes, whichever were asked for"},
	{"refresh-kept", "a refresh token is not replaced"},
	{"exchange-refresh", "an exchange says issued_token_type refresh_token, which stands beside the access token (zitadel)"},
	{"exchange-only-refresh", "an exchange gives a refresh token as access_token (RFC 8693 2.2.1)"},
	{"exchange-na", "an exchange gives token_type N_A and no expires_in (RFC 8693 2.2.1)"},
	{"introspect-401", "a public client is refused introspection (RFC 7662 2.1)"},
	{"dpop", "tokens are DPoP-bound (RFC 9449 5)"},
	{"metadata-issuer", "the discovery document names another issuer"},
	{"metadata-origin", "the discovery document's token endpoint is elsewhere"},
	{"metadata-clear", "the discovery document's token endpoint is elsewhere, over http"},
	{"metadata-8414", "only RFC 8414's address answers"},
	{"gateway-403", "Atlassian's gateway answers 403 instead of 404 to a token that it no longer knows"},
	{"metadata-none", "no discovery document at all"},
}

// Quirks are the names that SetQuirks knows.
func Quirks() (names []string) {
	for _, q := range quirks {
		names = append(names, q.name)
	}
	return names
}

// SetQuirks says in what the server is odd from now on; none: in nothing.
func (s *Server) SetQuirks(names ...string) error {
	for _, n := range names {
		if !slices.Contains(Quirks(), n) {
			return fmt.Errorf("oauthtest: no quirk %q", n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quirks = slices.Clone(names)
	return nil
}

// odd reports whether a quirk is set. The caller does not hold the lock.
func (s *Server) odd(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.quirks, name)
}
