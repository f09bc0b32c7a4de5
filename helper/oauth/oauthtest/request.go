package oauthtest

import (
	"crypto/x509"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// tokenRequest is a token request that was read and found to keep the rules.
type tokenRequest struct {
	form   url.Values
	path   string // below the base path
	id     string
	secret string
	way    string // "basic", "post", "assertion" or "none": how the client said who it is
	proof  string // the client assertion
	peer   *x509.Certificate
	raw    [2]string
}

// secrets is every secret that the request has: the client's, and whatever the grant
// shows.
func (a tokenRequest) secrets() (all []string) {
	if a.secret != "" {
		all = append(all, a.secret)
	}
	for _, field := range [...]string{"client_assertion", "code", "code_verifier", "refresh_token", "device_code", "assertion", "subject_token", "token"} {
		if value := a.form.Get(field); value != "" {
			all = append(all, value)
		}
	}
	return all
}

// record keeps a request as it came.
func (s *Server) record(r *http.Request, into *[]Request) Request {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // what came of a cut body is what is kept
	got := Request{
		Time: s.options.Now(), Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Header: r.Header.Clone(), Body: string(body),
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		got.Peer = r.TLS.PeerCertificates[0]
	}
	s.mu.Lock()
	*into = append(*into, got)
	s.mu.Unlock()
	return got
}

// check holds a token request against RFC 6749 and RFC 6750 and says which rule
// it breaks; "" if none.
func check(r Request) (tokenRequest, string) {
	a := tokenRequest{way: "none", peer: r.Peer}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	path, query, _ := strings.Cut(r.Target, "?")
	switch {
	case r.Method != "POST":
		return a, "method " + r.Method + " (RFC 6749 3.2: POST)"
	case strings.Contains(query, "secret") || strings.Contains(query, "token"):
		return a, "a query with a secret at the token endpoint (RFC 6749 2.3.1)"
	case r.Proto != "HTTP/1.1":
		return a, "protocol " + r.Proto
	case err != nil || media != "application/x-www-form-urlencoded":
		return a, "content type " + r.Header.Get("Content-Type") + " (RFC 6749 4.4.2)"
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		return a, "charset " + params["charset"] + " (RFC 6749 B)"
	case len(r.Header.Values("Authorization")) > 1:
		return a, "two Authorization fields"
	case r.Header.Get("Cookie") != "":
		return a, "a cookie at the token endpoint"
	case r.Header.Get("Accept") != "application/json":
		return a, "Accept " + r.Header.Get("Accept")
	}
	a.path = path
	broken := a.checkForm(r.Body)
	if broken != "" && a.form == nil {
		return a, broken
	}
	if double := a.identify(r.Header.Get("Authorization")); double != "" {
		return a, double
	}
	return a, broken
}

// checkForm reads the body. RFC 6749 3.2: no parameter twice (RFC 8707 and 8693
// let resource and audience repeat), and an empty one counts as left out, so
// sending it is a slip.
func (a *tokenRequest) checkForm(body string) string {
	form, err := url.ParseQuery(body)
	if err != nil {
		return "a body that is no form"
	}
	for name, values := range form {
		if len(values) > 1 && name != "resource" && name != "audience" {
			return "parameter " + name + " twice (RFC 6749 3.2)"
		}
		for _, v := range values {
			if v == "" {
				return "parameter " + name + " without a value (RFC 6749 3.2)"
			}
		}
	}
	a.form = form
	if form.Get("grant_type") == "" {
		return "no grant_type (RFC 6749 4.4.2)"
	}
	return ""
}

// identify finds out who asks. RFC 6749 2.3: never more than one way at once.
func (a *tokenRequest) identify(authorization string) string {
	a.id, a.secret = a.form.Get("client_id"), a.form.Get("client_secret")
	if a.secret != "" {
		a.way = "post"
		if a.id == "" {
			return "a client_secret without client_id"
		}
	}
	if broken := a.identifyByAssertion(authorization); broken != "" {
		return broken
	}
	if authorization == "" {
		return ""
	}
	encoded, ok := strings.CutPrefix(authorization, "Basic ")
	if !ok {
		return "an Authorization scheme that is not Basic"
	}
	plain, err := base64.StdEncoding.DecodeString(encoded)
	id, secret, found := strings.Cut(string(plain), ":")
	switch {
	case err != nil || !found:
		return "a Basic credential that cannot be read"
	case a.way != "none":
		return "two ways of client authentication at once (RFC 6749 2.3)"
	}
	a.way, a.raw = "basic", [2]string{id, secret}
	decodedID, err1 := url.QueryUnescape(id)
	decodedSecret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil { // a server that reads raw Basic can still take it
		decodedID, decodedSecret = "", ""
	}
	if in := a.form.Get("client_id"); in != "" && in != decodedID && in != id {
		return "client_id in the form is not that of Basic"
	}
	a.id, a.secret = decodedID, decodedSecret
	return ""
}

// identifyByAssertion is RFC 7523 2.2; RFC 7521 4.2 wants client_id, if it is
// there, to be the subject.
func (a *tokenRequest) identifyByAssertion(authorization string) string {
	a.proof = a.form.Get("client_assertion")
	if a.proof == "" {
		return ""
	}
	claims, ok := unverified(a.proof)
	kind := a.form.Get("client_assertion_type")
	switch {
	case a.way != "none" || authorization != "":
		return "two ways of client authentication at once (RFC 6749 2.3)"
	case kind != jwtBearerType && kind != jwtSPIFFEType:
		return "client_assertion_type " + kind + " (RFC 7523 2.2)"
	case ok && a.id != "" && claims.Subject != a.id:
		return "client_id is not the assertion's subject (RFC 7521 4.2)"
	case ok:
		a.id = claims.Subject
	}
	if a.way = "assertion"; kind == jwtSPIFFEType {
		a.way = "spiffe"
	}
	return ""
}

// authenticate finds the registration that a request proves, and whether its
// proof is right. way is what the product wants of clients that do not say.
func (s *Server) authenticate(a tokenRequest, way string) (c Client, known, right bool) {
	id, secret := a.id, a.secret
	if c, known = s.client(a.raw[0]); known && c.Auth == "raw" && a.way == "basic" {
		id, secret = a.raw[0], a.raw[1]
	}
	if c, known = s.client(id); !known {
		return c, false, false
	}
	if c.Auth != "" {
		way = c.Auth
	}
	switch way {
	case "basic", "raw":
		right = a.way == "basic"
	case "post":
		right = a.way == "post"
	case "none":
		return c, true, a.way == "none"
	case "private_key_jwt", "client_secret_jwt":
		return c, true, a.way == "assertion" && s.badAssertion(c, a.proof, true) == ""
	case "federation":
		return c, true, a.way == "assertion" && c.Trusts != "" && strings.HasPrefix(a.proof, c.Trusts)
	case "spiffe":
		return c, true, a.way == "spiffe" && c.Trusts != "" && strings.HasPrefix(a.proof, c.Trusts)
	case "tls":
		return c, true, a.way == "none" && sameCertificate(c, a.peer)
	default:
		right = a.way == "basic" || a.way == "post"
	}
	return c, true, right && secret == c.Secret && !c.Expired
}
