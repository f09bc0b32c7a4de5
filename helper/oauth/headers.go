package oauth

import (
	"net/http"
	"slices"
	"strings"
)

// setHeaders sets the headers of all requests, and the profile's own: a firewall may
// require another User-Agent, a gateway the name of a tenant.
func (c *Client) setHeaders(r *http.Request) {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", userAgent)
	for _, h := range c.Headers {
		r.Header.Set(h[0], h[1])
	}
}

// The limits of Client.Headers: gateways need little, and a profile is printed, copied
// and exported.
const (
	headersMost   = 8
	headerLongest = 256 // bytes of a value
)

// ownHeaders are set by the request itself, or change how it is read.
var ownHeaders = [...]string{
	"host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding", "te", "trailer", "upgrade", "expect",
	"accept", "accept-encoding", "keep-alive", "range",
}

// secretWords occur in the names of headers that carry credentials. A profile must not
// contain one, because it is printed, exported and copied.
var secretWords = [...]string{"auth", "cookie", "key", "token", "secret", "passw", "credential", "signature", "dpop", "session"}

// checkHeaders refuses headers that would change the request or contain a credential.
func (c *Client) checkHeaders() error {
	if len(c.Headers) > headersMost {
		return policy("token_request_headers are more than 8")
	}
	for _, h := range c.Headers {
		name, value := strings.ToLower(h[0]), h[1]
		switch {
		case !headerName(name):
			return policy("token_request_headers: " + quoted(h[0]) + " is not a header name (RFC 9110 5.6.2)")
		case slices.Contains(ownHeaders[:], name), strings.HasPrefix(name, "proxy-"), strings.HasPrefix(name, "if-"):
			return policy("token_request_headers: " + quoted(h[0]) + " is the request's own and cannot be set by hand")
		case slices.ContainsFunc(secretWords[:], func(w string) bool { return strings.Contains(name, w) }):
			return policy("token_request_headers: " + quoted(h[0]) + " would contain a credential, which a profile must not")
		case credentialLike(value):
			return policy("the value of token_request_headers." + quoted(h[0]) + " looks like a credential, which a profile must not contain")
		case value == "" || len(value) > headerLongest || strings.TrimSpace(value) != value || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return policy("the value of token_request_headers." + quoted(h[0]) + " is not 1 to 256 bytes of printable ASCII")
		}
	}
	return nil
}

func credentialLike(value string) bool {
	scheme, _, _ := strings.Cut(value, " ")
	return strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic") || strings.HasPrefix(value, "eyJ")
}

// headerName is RFC 9110 5.6.2, in lower case.
func headerName(s string) bool {
	for i := range len(s) {
		if b := s[i]; !(b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0) {
			return false
		}
	}
	return s != ""
}
