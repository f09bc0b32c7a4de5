package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/origin"
)

// TestTransport: the token of the request's own URL is sent with a copy. The
// answerer gets the URL without query and fragment, the caller's request stays as
// it is, and the answer does not lead to the token (T6).
func TestTransport(t *testing.T) {
	transport, a, s := over(t)
	transport.Profile = "api"
	req := newRequest(t, "POST", "https://user-input.example.com/", strings.NewReader("bytes"))
	req.URL, _ = url.Parse("https://API.example.com/rest/a%2Fb?jql=secret#fragment")
	req.Host = "api.example.com:443" // another spelling of the same
	req.Header.Set("Accept", "application/json")
	before := maps.Clone(req.Header)
	answer, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if s.tokens() != "api.1" || s.bodies[0] != "bytes" || s.headers[0].Get("Accept") != "application/json" || !strings.Contains(s.urls[0], "?jql=secret") {
		t.Errorf("sent %q %q %v %v", s.tokens(), s.bodies, s.headers, s.urls)
	}
	if asked := a.asked[0]; asked.URL.String() != "https://api.example.com" || asked.URL.Path() != "/rest/a%2Fb" || asked.Profile != "api" || asked.Verb != protocol.Get || asked.Address != "" {
		t.Errorf("asked for %v%v of %q", asked.URL, asked.URL.Path(), asked.Profile)
	}
	if fmt.Sprint(req.Header) != fmt.Sprint(before) {
		t.Errorf("the caller's header became %v", req.Header)
	}
	if text := fmt.Sprint(answer.Request.Header, answer.Request.URL); strings.Contains(text, "api.1") || answer.Request.URL != req.URL {
		t.Errorf("the answer's request: %s", text)
	}
}

// TestTransportHeader: the field and the scheme are the profile's.
func TestTransportHeader(t *testing.T) {
	for _, c := range []struct{ header, scheme, field, want string }{
		{"", "Bearer", "Authorization", "Bearer api.1"},
		{"", "", "Authorization", "api.1"},
		{"x-api-token", "", "X-Api-Token", "api.1"},
		{"X-Api-Token", "Token", "X-Api-Token", "Token api.1"},
	} {
		transport, a, s := over(t)
		a.owners[0].given.Header, a.owners[0].given.Scheme = c.header, c.scheme
		req := newRequest(t, "GET", "https://api.example.com/", nil)
		req.Header = nil // net/http allows that
		if _, err := transport.RoundTrip(req); err != nil {
			t.Errorf("%+v: %v", c, err)
		} else if got := s.headers[0]; len(got) != 1 || got.Get(c.field) != c.want {
			t.Errorf("%+v: sent %v", c, got)
		}
	}
}

// TestTransportRefuses (O3 to O11, O15, A16): what is not sent at all. Every body
// is closed, and the error's meaning is found through http.Client's.
func TestTransportRefuses(t *testing.T) {
	at := func(u string) func(*http.Request) {
		return func(r *http.Request) { r.URL, _ = url.Parse(u); r.Host = "" }
	}
	field := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = []string{"Basic eDp5"} }
	}
	for _, c := range []struct {
		name  string
		spoil func(*http.Request)
		kind  error
	}{
		{"its own Authorization", field("Authorization"), protocol.ErrPolicy},
		{"its own, in lower case", field("authorization"), protocol.ErrPolicy},
		{"the profile's own header", field("x-API-token"), protocol.ErrPolicy},
		{"another Host", func(r *http.Request) { r.Host = "evil.test" }, protocol.ErrPolicy},
		{"another port in Host", func(r *http.Request) { r.Host = "api.example.com:8443" }, protocol.ErrPolicy},
		{"a Host that is none", func(r *http.Request) { r.Host = "api.example.com/" }, protocol.ErrPolicy},
		{"user name in the url", at("https://user@api.example.com/"), protocol.ErrPolicy},
		{"password in the url", at("https://user:p4ss@api.example.com/"), protocol.ErrPolicy},
		{"an opaque url", func(r *http.Request) { r.URL.Opaque = "//evil.test/" }, protocol.ErrPolicy},
		{"a path that joins the host", func(r *http.Request) { r.URL.Path = ".evil.test/" }, protocol.ErrPolicy},
		{"a path with a zero", func(r *http.Request) { r.URL.Path = "/a\x00" }, protocol.ErrPolicy},
		{"TRACE", func(r *http.Request) { r.Method = "TRACE" }, protocol.ErrPolicy},
		{"no url", func(r *http.Request) { r.URL = nil }, protocol.ErrMalformed},
		{"another host", at("https://evil.test/"), protocol.ErrNoProfile},
		{"a suffix", at("https://api.example.com.evil.test/"), protocol.ErrNoProfile},
		{"another port", at("https://api.example.com:8443/"), protocol.ErrNoProfile},
		{"http", at("http://api.example.com/"), protocol.ErrNoProfile},
		{"a dot at the end", at("https://api.example.com./"), protocol.ErrPolicy},
		{"another script", at("https://\u0430pi.example.com/"), protocol.ErrPolicy},
		{"a port that is none", func(r *http.Request) { r.URL.Host = "api.example.com:0443" }, protocol.ErrPolicy},
	} {
		transport, a, s := over(t)
		if strings.Contains(c.name, "profile's") {
			a.owners[0].given.Header = "X-Api-Token"
		}
		body := stream("bytes")
		req := newRequest(t, "POST", "https://api.example.com/", body)
		c.spoil(req)
		_, err := transport.RoundTrip(req)
		if !errors.Is(err, c.kind) || s.sent() > 0 || !body.closed {
			t.Errorf("%s: %v, sent %d, body closed %v", c.name, err, s.sent(), body.closed)
		} else if text := err.Error(); strings.Contains(text, "p4ss") || strings.Contains(text, "eDp5") || strings.Contains(text, "api.1") {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

// TestTransportErrors: what the answerer says comes out of http.Client with its
// meaning, without the token, the query and a second line.
func TestTransportErrors(t *testing.T) {
	for _, kind := range []error{
		protocol.ErrNoProfile, protocol.ErrUnknown, protocol.ErrAmbiguous, protocol.ErrNoSecret, protocol.ErrLocked, protocol.ErrLogin,
		protocol.ErrRefused, protocol.ErrUnreachable, protocol.ErrPolicy, protocol.ErrBusy,
	} {
		transport, a, s := over(t)
		a.owners[0].fails = &protocol.Error{Kind: kind, Text: "profile api: " + kind.Error(), Hint: "credhelper doctor"}
		_, err := (&http.Client{Transport: transport}).Get("https://api.example.com/x")
		known := new(protocol.Error)
		if !errors.Is(err, kind) || !errors.As(err, &known) || known.Hint == "" || s.sent() > 0 {
			t.Errorf("%v: %v, sent %d", kind, err, s.sent())
		}
		if want := `Get "https://api.example.com/x": no bearer token: profile api: ` + kind.Error(); err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	}
}

// TestTransportVets (A16, T21): a credential that no header may carry, or that has
// ended, is not sent, whoever answered.
func TestTransportVets(t *testing.T) {
	for name, spoil := range map[string]func(*protocol.Credential){
		"token":  func(c *protocol.Credential) { c.Profile = "a\r\nX: y" },
		"scheme": func(c *protocol.Credential) { c.Scheme = "Bearer\r\nX: y" },
		"header": func(c *protocol.Credential) { c.Header = "X:\r\n" },
		"no end": func(c *protocol.Credential) { c.Expires = 0 },
		"ended":  func(c *protocol.Credential) { c.Expires = time.Now().Unix() },
	} {
		transport, a, s := over(t)
		spoil(&a.owners[0].given)
		_, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
		if err == nil || s.sent() > 0 || strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "api.1") {
			t.Errorf("%s: %v, sent %d", name, err, s.sent())
		}
	}
	if _, err := new(bearer.Transport).RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil)); !errors.Is(err, protocol.ErrPolicy) {
		t.Errorf("without an answerer: %v", err)
	}
}

// TestTransportContext: the request's context ends the asking and the sending.
func TestTransportContext(t *testing.T) {
	transport, _, s := over(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil).WithContext(ctx))
	if !errors.Is(err, context.Canceled) || s.sent() > 0 {
		t.Errorf("got %v, sent %d", err, s.sent())
	}
}

// TestTransportBase: without a base it has a pool of its own, which speaks
// HTTP/1.1 only (T7) and which nobody's change of http.DefaultTransport reaches
// (T11).
func TestTransportBase(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.Header.Get("Authorization"))
	}))
	server.EnableHTTP2 = true
	server.Start()
	defer server.Close()
	a := owns(t, "api "+server.URL)
	client := &http.Client{Transport: &bearer.Transport{Answerer: a}}
	defer client.CloseIdleConnections()
	answer, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, answer); got != "HTTP/1.1 Bearer api.1" {
		t.Errorf("the server saw %q", got)
	}

	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	a = owns(t, "api "+untrusted.URL)
	if _, err := (&bearer.Transport{Answerer: a}).RoundTrip(newRequest(t, "GET", untrusted.URL, nil)); err == nil {
		t.Error("a certificate that does not verify was taken")
	}
}

// TestTransportCredentialOfURL: with no profile named, each URL gets its own
// profile's token.
func TestTransportCredentialOfURL(t *testing.T) {
	a, s := owns(t, "one https://a.example.com", "two https://b.example.com/rest"), &sees{}
	transport := &bearer.Transport{Answerer: a, Base: s}
	for _, u := range []string{"https://a.example.com", "https://b.example.com/rest/x"} {
		if _, err := transport.RoundTrip(newRequest(t, "GET", u, nil)); err != nil {
			t.Error(err)
		}
	}
	if s.tokens() != "one.1 two.1" {
		t.Errorf("sent %s", s.tokens())
	}
	transport.Profile = "one" // narrows, and never widens (O14)
	for _, u := range []string{"https://b.example.com/rest/x", "https://b.example.com/else"} {
		if _, err := transport.RoundTrip(newRequest(t, "GET", u, nil)); !errors.Is(err, protocol.ErrPolicy) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if len(a.asked) != 4 || a.asked[0].URL == (origin.URL{}) {
		t.Errorf("asked %+v", a.asked)
	}
}
