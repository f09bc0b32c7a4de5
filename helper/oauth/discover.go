package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Metadata is a server's description of itself (OpenID Connect Discovery 3, RFC 8414
// 2). Show Elsewhere to a person before a secret is sent there.
type Metadata struct {
	Issuer           string
	TokenURL         string
	AuthorizationURL string   // "" where there is none, as with the next three
	DeviceURL        string   // RFC 8628 4
	RevocationURL    string   // RFC 7009
	IntrospectionURL string   // RFC 7662
	SendsIssuer      bool     // authorization_response_iss_parameter_supported (RFC 9207 3)
	Elsewhere        []string // endpoints on other hosts than the issuer's, "token_endpoint https://..."
}

// Discover asks an issuer for its endpoints: at OpenID Connect's address first, then at
// RFC 8414's. The document must name this issuer, apart from a trailing slash. Google
// and Cognito have endpoints on other hosts, so these are accepted, over https only,
// and listed (T13). Only c's HTTP, Now and timeouts are used. Its errors are *Error.
func (c *Client) Discover(ctx context.Context, issuer string) (*Metadata, error) {
	if reason := BadIssuer(issuer); reason != "" {
		return nil, policy("issuer " + reason)
	}
	var first *Error
	for _, address := range wellKnown(issuer) {
		m, failure := c.discoverAt(ctx, issuer, address)
		if failure == nil {
			return m, nil
		}
		if first == nil {
			first = failure
		}
		if failure.Status != http.StatusNotFound {
			return nil, failure
		}
	}
	return nil, first
}

// wellKnown returns the addresses of OpenID Connect Discovery 4 and RFC 8414 3.1, which
// put the issuer's path in different places.
func wellKnown(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	base, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	return []string{base + path + "/.well-known/openid-configuration", base + "/.well-known/oauth-authorization-server" + path}
}

func (c *Client) discoverAt(ctx context.Context, issuer, address string) (*Metadata, *Error) {
	a, failure := c.get(ctx, address)
	if failure == nil && a.status != http.StatusOK {
		failure = &Error{Kind: kindOf(a.status), Status: a.status, Reason: "the server does not describe itself here"}
	}
	var value strictjson.Value
	if failure == nil {
		value, failure = a.object(address)
	}
	var m *Metadata
	if failure == nil {
		var reason string
		if m, reason = readMetadata(value, issuer); reason != "" {
			failure = &Error{Kind: Malformed, Status: a.status, Reason: reason}
		}
	}
	if failure != nil {
		failure.URL = endpoint(address)
		return nil, failure
	}
	return m, nil
}

// readMetadata decodes the members of the document that are used.
func readMetadata(v strictjson.Value, issuer string) (*Metadata, string) {
	m := &Metadata{Issuer: textOf(v, "issuer")}
	if strings.TrimSuffix(m.Issuer, "/") != strings.TrimSuffix(issuer, "/") {
		return nil, "the document is about another issuer, " + quoted(m.Issuer) + " (RFC 8414 3.3)"
	}
	for _, e := range [...]struct {
		name string
		into *string
	}{
		{"token_endpoint", &m.TokenURL}, {"authorization_endpoint", &m.AuthorizationURL}, {"device_authorization_endpoint", &m.DeviceURL},
		{"revocation_endpoint", &m.RevocationURL}, {"introspection_endpoint", &m.IntrospectionURL},
	} {
		address := textOf(v, e.name)
		if address == "" {
			continue
		}
		if reason := BadEndpoint(address); reason != "" {
			return nil, "the document's " + e.name + " " + reason
		}
		if !sameOrigin(address, issuer) {
			if !strings.HasPrefix(address, "https:") {
				return nil, "the document's " + e.name + " is on another origin than the issuer, and not https: " + quoted(endpoint(address))
			}
			m.Elsewhere = append(m.Elsewhere, e.name+" "+endpoint(address))
		}
		*e.into = address
	}
	if m.TokenURL == "" {
		return nil, "the document names no token_endpoint"
	}
	if flag, found := v.Get("authorization_response_iss_parameter_supported"); found {
		m.SendsIssuer, _ = flag.Bool()
	}
	return m, ""
}

func sameOrigin(a, b string) bool {
	u, err1 := url.Parse(a)
	w, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && u.Scheme == w.Scheme && strings.EqualFold(u.Hostname(), w.Hostname()) && portOf(u) == portOf(w)
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"https": "443", "http": "80"}[u.Scheme]
}

// get fetches a document without secrets, within the same limits.
func (c *Client) get(ctx context.Context, address string) (answer, *Error) {
	ctx, cancel := context.WithTimeout(ctx, or(c.Timeout, allTimeout))
	defer cancel()
	x := &exchange{client: c, base: c.transport(), mayAsk: true, sent: c.now()}
	r, err := http.NewRequestWithContext(x.watch(ctx), http.MethodGet, address, nil)
	if err != nil {
		return answer{}, asError(err)
	}
	c.setHeaders(r)
	resp, failure := x.send(r)
	if failure != nil {
		return answer{}, failure
	}
	defer resp.Body.Close()
	return x.read(ctx, resp)
}
