package oauth

import (
	"crypto/tls"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// tlsClientAuth is RFC 8705 2.1, with a certificate of a CA that the server trusts;
// selfSignedTLS is 2.2, with a registered certificate. The requests are identical: the
// client's certificate in the handshake, client_id in the form.
var tlsClientAuth = ClientAuth{
	Name: "tls_client_auth", NeedsKey: true, TLS: true, Style: oauth2.AuthStyleInParams, Suits: wantsHTTPS, Check: checkTLS,
}

var selfSignedTLS = ClientAuth{
	Name: "self_signed_tls_client_auth", NeedsKey: true, TLS: true, Style: oauth2.AuthStyleInParams, Suits: wantsHTTPS, Check: checkTLS,
}

func wantsHTTPS(c *Client) error {
	if !strings.HasPrefix(c.TokenURL, "https:") {
		return policy("client_auth " + quoted(c.Auth) + " needs https")
	}
	return nil
}

// checkTLS checks that the connection will present the certificate: without it the
// request would not authenticate the client.
func checkTLS(c *Client) error {
	if c.Key.Certificate() == nil {
		return policy("client_auth " + quoted(c.Auth) + " needs a certificate and there is none")
	}
	if reason := c.Key.expired(c.now()); reason != "" {
		return policy(reason)
	}
	if c.HTTP == nil {
		return nil
	}
	if t, known := c.HTTP.Transport.(*http.Transport); known && !shows(t) {
		return policy("client_auth " + quoted(c.Auth) + ": the connection was made without the client's certificate")
	}
	return nil
}

// shows reports whether a connection presents a client certificate on request.
func shows(t *http.Transport) bool {
	if t.TLSClientConfig == nil || t.TLSClientConfig.GetClientCertificate == nil {
		return false
	}
	cert, err := t.TLSClientConfig.GetClientCertificate(&tls.CertificateRequestInfo{})
	return err == nil && len(cert.Certificate) > 0
}
