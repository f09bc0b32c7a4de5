package oauth_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

func viaProxy(t *testing.T, address string) *http.Client {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	web, err := oauth.NewHTTPClient(oauth.HTTPOptions{Proxy: http.ProxyURL(u)})
	if err != nil {
		t.Fatal(err)
	}
	return web
}

// TestUntrusted (T11): a server that cannot be verified gets no request,
// is not asked twice, and the reason is told.
func TestUntrusted(t *testing.T) {
	says := map[string]string{
		"good": "", "tls12": "",
		"expired":       "certificate has expired or is not yet valid",
		"not-yet-valid": "certificate has expired or is not yet valid",
		"wrong-host":    "certificate is for another host",
		"self-signed":   "signed by an unknown CA",
		"for-clients":   "certificate is not for servers",
		"sha1":          "certificate",
		"tls10":         "TLS",
		"tls11":         "TLS",
	}
	if len(says) != len(oauthtest.Certificates()) {
		t.Fatalf("the server has %d certificates, this test knows %d", len(oauthtest.Certificates()), len(says))
	}
	for _, name := range oauthtest.Certificates() {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Certificate: name})
			client := newClient(t, server)
			_, err := client.Token(t.Context())
			if says[name] == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *oauth.Error
			if !errors.As(err, &e) || e.Kind != oauth.Untrusted || e.Tries != 1 || !strings.Contains(err.Error(), says[name]) {
				t.Errorf("got %v (%+v), want an untrusted server: %q", err, e, says[name])
			}
			if n := server.Count(); n != 0 {
				t.Errorf("%d requests reached the server", n)
			}
			// This client was given the CA of its server. Another file of them is
			// the cure for no certificate that one of them signed.
			hint, unknown := oauth.HintFor(err, "jama", nil), strings.Contains(err.Error(), "unknown CA")
			if strings.Contains(hint, "ca_file") != unknown || unknown && !strings.Contains(hint, "is it the right file?") {
				t.Errorf("%v: %q", err, hint)
			}
		})
	}
}

// TestNothingBeforeTLS (T11): a listener that is no TLS server at all sees
// nothing of the secret.
func TestNothingBeforeTLS(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan []byte, 3)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			all, _ := io.ReadAll(conn) // ends with the client
			conn.Close()
			got <- all
		}
	}()
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	client.TokenURL = "https://" + listener.Addr().String() + "/token"
	_, err = client.Token(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS") || !strings.Contains(oauth.HintFor(err, "jama", nil), "is the port the right one? credhelper edit jama") {
		t.Errorf("got %v", err)
	}
	if seen := <-got; len(seen) == 0 || bytes.Contains(seen, []byte("c4n4ry")) || bytes.Contains(seen, []byte("client")) {
		t.Errorf("the listener saw %q", seen)
	}
}

// TestPins: a chain that verifies and has none of the pinned keys is refused.
func TestPins(t *testing.T) {
	server := newServer(t, oauthtest.Options{Certificate: "good"})
	block, _ := pem.Decode(server.RootsPEM())
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pin  [32]byte
		says string
	}{{sha256.Sum256(ca.RawSubjectPublicKeyInfo), ""}, {sha256.Sum256(nil), "pinned keys"}} {
		client := newClient(t, server)
		if client.HTTP, err = oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: server.RootsPEM(), Pins: [][32]byte{c.pin}}); err != nil {
			t.Fatal(err)
		}
		before := server.Count()
		_, err := client.Token(t.Context())
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || server.Count() != before) {
			t.Errorf("got %v, want %q and no request", err, c.says)
		}
	}
}

// TestRoots (A4): the profile's CAs replace the system's, and an empty file is an error,
// not "the system's".
func TestRoots(t *testing.T) {
	for _, bad := range []string{"", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: []byte(bad)}); err == nil {
			t.Errorf("%q is taken for a CA file", bad)
		}
	}
	if os.Getenv("OAUTH_TEST_ROOTS") != "" {
		theRootsInstead(t)
		return
	}
	// A process reads the system's CAs once, so another process has server's CA as the
	// system's.
	server, other := newServer(t, oauthtest.Options{Certificate: "good"}), newServer(t, oauthtest.Options{Certificate: "good"})
	system, own := filepath.Join(t.TempDir(), "system.pem"), filepath.Join(t.TempDir(), "own.pem")
	if err := errors.Join(os.WriteFile(system, server.RootsPEM(), 0o600), os.WriteFile(own, other.RootsPEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRoots$", "-test.v")
	cmd.Env = append(os.Environ(), "OAUTH_TEST_ROOTS="+own, "OAUTH_TEST_SERVER="+server.TokenURL(), "SSL_CERT_FILE="+system, "SSL_CERT_DIR="+filepath.Dir(system)+"/none")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("both ways were tried")) {
		t.Fatalf("%v: %s", err, out)
	}
}

// theRootsInstead asks one server twice: with the system's CAs, which know
// it, and with a profile's own, which do not. Were the profile's beside the
// system's, the second would get a token as well.
func theRootsInstead(t *testing.T) {
	own, err := os.ReadFile(os.Getenv("OAUTH_TEST_ROOTS"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		roots []byte
		says  string
	}{{nil, ""}, {own, "unknown CA"}} {
		web, err := oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: c.roots})
		if err != nil {
			t.Fatal(err)
		}
		client := &oauth.Client{TokenURL: os.Getenv("OAUTH_TEST_SERVER"), ID: "client", Secret: secret.New(canary), Grant: "client_credentials", Auth: "basic", HTTP: web}
		_, err = client.Token(t.Context())
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("with %d bytes of CAs: %v, want %q", len(c.roots), err, c.says)
		}
	}
	t.Log("both ways were tried")
}

// TestLoopbackIsNeverProxied (A6).
func TestLoopbackIsNeverProxied(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	client.HTTP = viaProxy(t, "http://127.0.0.1:1")
	if _, err := client.Token(t.Context()); err != nil {
		t.Errorf("the proxy was asked: %v", err)
	}
}

// TestHTTP1Only (A3, T8): a server that offers HTTP/2 gets HTTP/1.1, and
// GODEBUG=http2debug=2, which prints headers and bodies of HTTP/2, prints nothing.
func TestHTTP1Only(t *testing.T) {
	if os.Getenv("OAUTH_TEST_HTTP2") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHTTP1Only$", "-test.v")
		cmd.Env = append(os.Environ(), "OAUTH_TEST_HTTP2=1", "GODEBUG=http2debug=2")
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("spoke HTTP/1.1")) {
			t.Fatalf("%v: %s", err, out)
		}
		for _, leak := range []string{"c4n4ry", "Basic ", "grant_type", "access_token"} {
			if bytes.Contains(out, []byte(leak)) {
				t.Errorf("GODEBUG prints %q", leak)
			}
		}
		return
	}
	var proto string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto = r.Proto
		_, _ = io.WriteString(w, `{"access_token":"x","token_type":"Bearer"}`)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client := newClient(t, newServer(t, oauthtest.Options{}))
	var err error
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if client.HTTP, err = oauth.NewHTTPClient(oauth.HTTPOptions{RootsPEM: roots}); err != nil {
		t.Fatal(err)
	}
	client.TokenURL = server.URL
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("spoke %s", proto)
}

// TestHostileConnections (T12, T24): each ends by itself or
// with the deadline, within a bounded memory, and in an error or a token as it should.
// How far one that only the deadline ends has come by then is the machine's to say;
// what each says and when it ends is TestNetworkTable's, on a clock of its own.
func TestHostileConnections(t *testing.T) {
	for _, c := range []struct {
		name, says string
		never      bool // only the deadline ends it
	}{
		{"endless-body", "more than 1 MiB", false},
		{"endless-token", "more than 1 MiB", false},
		{"slow-body", "in time", true},
		{"silent-body", "in time", true},
		{"slow-header", "in time", true},
		{"silence", "in time", true},
		{"gzip-bomb", "more than 1 MiB", false},
		{"continue-flood", "not acceptable HTTP/1.1", false},
		{"hints-flood", "not acceptable HTTP/1.1", false},
		{"header-flood", "not acceptable HTTP/1.1", false},
		{"header-1mib", "not acceptable HTTP/1.1", false},
		{"headers-10000", "not acceptable HTTP/1.1", false},
		{"close-late", "the connection broke", false},
		{"reset-late", "the connection broke", false},
		{"reset-early", "", false}, // resets may be seen before or after the request
		{"kept-open", "token", false},
	} {
		for _, certificate := range []string{"", "good"} {
			if c.never && certificate != "" {
				continue
			}
			t.Run(strings.TrimSpace(c.name+" "+certificate), func(t *testing.T) {
				server := newServer(t, oauthtest.Options{Certificate: certificate})
				client := newClient(t, server)
				if client.Timeout = time.Hour; c.never {
					client.Timeout = 100 * time.Millisecond
				}
				if err := server.Always(c.name); err != nil {
					t.Fatal(err)
				}
				token, err := bounded(t, client)
				switch {
				case c.says == "token" && (err != nil || token == nil):
					t.Error(err)
				case c.says != "token" && (err == nil || !strings.Contains(err.Error(), c.says)):
					t.Errorf("got %v, want %q", err, c.says)
				case err != nil:
					wantOneCleanLine(t, err.Error())
				}
			})
		}
	}
}

// bounded asks for a token and fails when that takes 64 MiB.
func bounded(t *testing.T, client *oauth.Client) (*oauth.Token, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	token, err := client.Token(t.Context())
	runtime.ReadMemStats(&after)
	// Server and client are one process here, so this is more than the client's.
	if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 64<<20 {
		t.Errorf("allocated %d bytes", grown)
	}
	return token, err
}

// TestEveryBehaviourIsTried: a behaviour that no test names proves nothing.
func TestEveryBehaviourIsTried(t *testing.T) {
	source, err := os.ReadFile("transport_test.go")
	if err != nil {
		t.Fatal(err)
	}
	all, err := oauthtest.Answers()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range oauthtest.Behaviours() {
		isAnswer := slices.ContainsFunc(all, func(a oauthtest.Answer) bool { return a.Name == name })
		if name != "ok" && !isAnswer && !bytes.Contains(source, []byte(`{"`+name+`",`)) {
			t.Errorf("behaviour %s is not tried", name)
		}
	}
}

// TestNoConnectionIsKept (A3): each request has its own, and none is left.
func TestNoConnectionIsKept(t *testing.T) {
	server := newServer(t, oauthtest.Options{Certificate: "good"})
	client := newClient(t, server)
	for range 3 {
		if _, err := client.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Connections(); n != 3 {
		t.Errorf("%d connections for 3 requests", n)
	}
	transport, ok := client.HTTP.Transport.(*http.Transport)
	if !ok || transport.TLSClientConfig.MinVersion != tls.VersionTLS12 || transport.TLSClientConfig.InsecureSkipVerify {
		t.Error("the transport is not the strict one")
	}
}
