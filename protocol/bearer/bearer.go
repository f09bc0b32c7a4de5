// Package bearer is what a Go program's HTTP client does with a credential: an
// oauth2.TokenSource and an http.RoundTripper over any protocol.Answerer, be it
// the helper itself or a connector's client (RFC 6750).
package bearer
