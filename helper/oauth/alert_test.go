package oauth_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// TestEveryAlert: what the other side says while TLS begins, by its number (RFC
// 8446 6). No alert is told as "not acceptable" or blamed on the server's
// certificate, and what may pass is asked again.
func TestEveryAlert(t *testing.T) {
	accidents := "\x0a\x14\x15\x16\x1e\x2f\x32\x50\x5a"
	for code := range 256 {
		if code == 0 { // close_notify: an end as any other
			continue
		}
		address, count := machine(t, func(c net.Conn) {
			head := make([]byte, 5)
			_, _ = io.ReadFull(c, head)
			_, _ = io.CopyN(io.Discard, c, int64(head[3])<<8+int64(head[4]))
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, byte(code)})
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		})
		client, _, _ := retrying(t)
		client.Timeout, client.TokenURL = time.Hour, "https://"+address+"/token"
		_, err := client.Token(t.Context())
		var e *oauth.Error
		if !errors.As(err, &e) || strings.Contains(err.Error(), "not acceptable HTTP") || strings.Contains(err.Error(), "the server's certificate") {
			t.Errorf("alert %d: got %v", code, err)
			continue
		}
		kind, tries := oauth.Untrusted, 1
		if strings.IndexByte(accidents, byte(code)) >= 0 {
			kind, tries = oauth.Unreachable, 4
		}
		if e.Kind != kind || e.Tries != tries || int(count.Load()) != tries {
			t.Errorf("alert %d: got %v (%v, %d tries), want %v, %d", code, err, e.Kind, e.Tries, kind, tries)
		}
		if hint := oauth.HintFor(err, "jama", nil); strings.Contains(hint, "ca_file") {
			t.Errorf("alert %d: hint %q", code, hint)
		}
	}
}

// TestCertificateAlerts: a server that wants a client certificate says so in an
// alert, which in TLS 1.3 takes the place of the answer.
func TestCertificateAlerts(t *testing.T) {
	shown, err := made["RSA"]().read(t).TLS()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, c := range []struct {
			name string
			mode tls.ClientAuthType
			show tls.Certificate
			says string
		}{
			{"none is shown", tls.RequireAnyClientCert, tls.Certificate{}, "the server wants a client certificate, and none was shown"},
			{"of another CA", tls.RequireAndVerifyClientCert, shown, "the server refuses the client's certificate: it is from a CA that the server does not know"},
		} {
			t.Run(tls.VersionName(version)+", "+c.name, func(t *testing.T) {
				server := newServer(t, oauthtest.Options{Certificate: "good", TLS: func(config *tls.Config) {
					config.ClientAuth, config.MinVersion, config.MaxVersion = c.mode, version, version
				}})
				client := newClient(t, server)
				if client.HTTP, err = oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: server.RootsPEM(), Certificate: c.show}); err != nil {
					t.Fatal(err)
				}
				_, err := client.Token(t.Context())
				var e *oauth.Error
				if !errors.As(err, &e) || e.Kind != oauth.Untrusted || e.Tries != 1 || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v (%+v), want %q", err, e, c.says)
				}
				if hint := oauth.HintFor(err, "jama", nil); !strings.Contains(hint, "credhelper edit jama") {
					t.Errorf("hint %q", hint)
				}
			})
		}
	}
}

// TestShownToAll (RFC 8705 2.2): a self-signed certificate, and a leaf whose
// CA the server does not name, are sent to a server that names its CAs. Whether it
// accepts the certificate is decided by the server.
func TestShownToAll(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			known := made["RSA"]()
			named := x509.NewCertPool()
			named.AddCert(made["EC"]().cert) // some other CA
			server := newServer(t, oauthtest.Options{
				Certificate: "good", Clients: []oauthtest.Client{{ID: "client", Auth: "tls", Certificate: known.cert}},
				TLS: func(config *tls.Config) {
					config.ClientCAs, config.MinVersion, config.MaxVersion = named, version, version
				},
			})
			client := newClient(t, server)
			client.Auth, client.Key = "self_signed_tls_client_auth", known.read(t)
			shown, err := client.Key.TLS()
			if err != nil {
				t.Fatal(err)
			}
			if client.HTTP, err = oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: server.RootsPEM(), Certificate: shown}); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Token(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
