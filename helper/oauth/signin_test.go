package oauth_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// redirected is a browser without a page: it goes to an address and returns what
// the redirect says.
func redirected(t *testing.T, c *oauth.Client, address string) url.Values {
	t.Helper()
	return follow(t, c, address).Query()
}

func follow(t *testing.T, c *oauth.Client, address string) *url.URL {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.HTTP.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("status %d: %v", resp.StatusCode, err)
	}
	return back
}

// TestAuthorizationRequest (A7; RFC 6749 4.1.1, RFC 7636 4.3, RFC 8707 2): every
// field, and that those which must be random are.
func TestAuthorizationRequest(t *testing.T) {
	client := &oauth.Client{
		TokenURL: "https://login.example.com/token", ID: "the client", Grant: "authorization_code", Auth: "none", Scopes: []string{"openid", "a"},
		Resource: []string{"https://api.example.com/"}, Params: [][2]string{{"prompt", "login"}},
	}
	seen := map[string]bool{}
	for range 3 {
		in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: "https://login.example.com/authorize?tenant=1", Redirect: "http://127.0.0.1:1234/cb"})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(in.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		for _, name := range []string{"state", "code_challenge", "nonce"} {
			if v := q.Get(name); len(v) < 40 || seen[v] {
				t.Errorf("%s is %q", name, v)
			} else {
				seen[v] = true
			}
			q.Del(name)
		}
		const want = "client_id=the+client&code_challenge_method=S256&prompt=login&redirect_uri=http%3A%2F%2F127.0.0.1%3A1234%2Fcb" +
			"&resource=https%3A%2F%2Fapi.example.com%2F&response_type=code&scope=openid+a&tenant=1"
		if q.Encode() != want || u.Host != "login.example.com" {
			t.Errorf("asked\n got %s\nwant %s", q.Encode(), want)
		}
	}
}

// TestBadSign (A2, A4; RFC 8252 7.3): where no sign-in may go, or come back to.
func TestBadSign(t *testing.T) {
	client := &oauth.Client{TokenURL: "https://login.example.com/token", ID: "c", Grant: "authorization_code", Auth: "none"}
	for _, s := range []oauth.AuthorizationRequest{
		{AuthorizationURL: "http://login.example.com/authorize", Redirect: "http://127.0.0.1/"},
		{AuthorizationURL: "https://login.example.com/authorize#x", Redirect: "http://127.0.0.1/"},
		{AuthorizationURL: "", Redirect: "http://127.0.0.1/"},
		{AuthorizationURL: "https://u:p@login.example.com/", Redirect: "http://127.0.0.1/"},
		{AuthorizationURL: "https://login.example.com/authorize", Redirect: "http://192.0.2.1/"},
		{AuthorizationURL: "https://login.example.com/authorize", Redirect: "https://127.0.0.1/"},
		{AuthorizationURL: "https://login.example.com/authorize", Redirect: "http://127.0.0.1.example.com/"},
		{AuthorizationURL: "https://login.example.com/authorize", Redirect: "http://127.0.0.1/?x=1"},
		{AuthorizationURL: "https://login.example.com/authorize", Redirect: "http://u@127.0.0.1/"},
		{AuthorizationURL: "https://login.example.com/authorize", Redirect: ""},
	} {
		var e *oauth.Error
		if _, err := client.Begin(s); !errors.As(err, &e) || e.Kind != oauth.Policy {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// begin listens where the browser shall come back, and begins a sign-in.
func begin(t *testing.T, client *oauth.Client, server *oauthtest.Server, redirect string) (net.Listener, *oauth.SignIn) {
	t.Helper()
	listener, actual, err := oauth.ListenLoopback(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: server.URL() + "/authorize", Redirect: actual, Issuer: server.Issuer()})
	if err != nil {
		t.Fatal(err)
	}
	return listener, in
}

// TestComingBack (A7, T13; RFC 6749 4.1.2, RFC 9207 2.4): the code is only used if
// the answer belongs to the question; else the token endpoint hears nothing.
func TestComingBack(t *testing.T) {
	for _, c := range []struct{ quirk, says string }{
		{"", ""},
		{"state-wrong", "another state"},
		{"state-missing", "another state"},
		{"iss-wrong", "another server"},
		{"iss-missing", "does not say which server"},
		{"code-twice", "more than once"},
		{"code-missing", "without a code"},
		{"consent-denied", "access_denied: The person said no."},
	} {
		t.Run("server "+c.quirk, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Quirk: c.quirk})
			client := newClient(t, server)
			m, err := client.Discover(t.Context(), server.Issuer())
			if err != nil {
				t.Fatal(err)
			}
			in, err := client.Begin(oauth.AuthorizationRequest{
				AuthorizationURL: m.AuthorizationURL, Redirect: "http://127.0.0.1:4711/cb", Issuer: m.Issuer, MustIssuer: m.SendsIssuer,
			})
			if err != nil {
				t.Fatal(err)
			}
			token, err := in.Finish(t.Context(), redirected(t, client, in.URL))
			if c.says == "" {
				if err != nil || token.Refresh.IsZero() {
					t.Errorf("got %v, %v", token, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || server.Count() != 0 {
				t.Errorf("got %v after %d requests, want %q", err, server.Count(), c.says)
			}
		})
	}
}

// TestServe (A7): the whole way through a listener, and what is not the browser
// coming back is not taken for it.
func TestServe(t *testing.T) {
	for _, redirect := range []string{"http://127.0.0.1", "http://127.0.0.1:0/a/path", "http://localhost/cb"} {
		t.Run(redirect, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{})
			client := newClient(t, server)
			listener, in := begin(t, client, server, redirect)
			if host, _, err := net.SplitHostPort(listener.Addr().String()); err != nil || host != "127.0.0.1" {
				t.Errorf("listens on %s", listener.Addr())
			}
			back := follow(t, client, in.URL)
			type result struct {
				token *oauth.Token
				err   error
			}
			done := make(chan result, 1)
			go func() {
				token, err := in.Serve(t.Context(), listener)
				done <- result{token, err}
			}()
			for _, stray := range []string{"/favicon.ico", back.Path + "/x", "/"} {
				if stray == "/" && (back.Path == "/" || back.Path == "") {
					continue
				}
				if status, _, _ := browse(t, "GET", "http://"+back.Host+stray+"?"+back.RawQuery, ""); status != 404 {
					t.Errorf("%s is %d", stray, status)
				}
			}
			if status, _, _ := browse(t, "POST", back.String(), ""); status != 404 {
				t.Errorf("POST is %d", status)
			}
			if status, _, _ := browse(t, "GET", back.String(), "evil.example.com"); status != 404 {
				t.Errorf("another Host is %d", status)
			}
			status, page, header := browse(t, "GET", back.String(), "")
			got := <-done
			if got.err != nil || status != 200 || !strings.Contains(page, "Signed in") {
				t.Fatalf("%v; %d %s", got.err, status, page)
			}
			wantQuietPage(t, page, header, back)
			if _, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second); err == nil {
				t.Error("the listener is still open")
			}
		})
	}
}

// gate is a transport whose requests wait until they are let through.
type gate struct {
	http.RoundTripper
	arrived chan struct{}
	open    chan struct{}
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.arrived <- struct{}{}
	<-g.open
	return g.RoundTripper.RoundTrip(r)
}

// TestServeTakesOne (A7): while the token is being asked for, a second answer of a
// browser, a good one, is told that the sign-in is over and asks for nothing.
func TestServeTakesOne(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	listener, in := begin(t, client, server, "http://127.0.0.1/cb")
	g := &gate{client.HTTP.Transport, make(chan struct{}, 2), make(chan struct{})}
	back := follow(t, client, in.URL)
	client.HTTP.Transport = g
	done, first, second := make(chan error, 1), make(chan int, 1), make(chan int, 1)
	go func() { _, err := in.Serve(t.Context(), listener); done <- err }()
	answer := func(status chan<- int) { s, _, _ := browse(t, "GET", back.String(), ""); status <- s }
	go answer(first)
	<-g.arrived
	go answer(second)
	select {
	case status := <-second:
		if status != http.StatusGone {
			t.Errorf("the second answer got %d", status)
		}
	case <-g.arrived:
		t.Error("a second token request was made")
	}
	close(g.open)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first answer got %d", status)
	}
	if err := <-done; err != nil || server.Count() != 1 {
		t.Errorf("%v after %d token requests", err, server.Count())
	}
}

// browse is a request as a browser makes it.
func browse(t *testing.T, method, address, host string) (status int, page string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

// wantQuietPage: no script, nothing from elsewhere, not kept, no code in it.
func wantQuietPage(t *testing.T, page string, header http.Header, back *url.URL) {
	t.Helper()
	for _, never := range []string{"<script", "src=", "href=", "http:", "https:", back.Query().Get("code"), back.Query().Get("state")} {
		if never != "" && never != "another" && strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Content-Type": "text/html; charset=utf-8"} {
		if header.Get(name) != want {
			t.Errorf("%s: %s", name, header.Get(name))
		}
	}
	if !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error("no policy against foreign content")
	}
}

// TestPages: each way to end has a page of its own, whose foreign text is escaped.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		name, quirk, behaviour, query string
		title, also                   string
	}{
		{"declined", "consent-denied", "", "", "Sign-in was declined", "Nothing was allowed"},
		{"another state", "state-wrong", "", "", "This answer was not accepted", "another state"},
		{"another server", "iss-wrong", "", "", "This answer was not accepted", "another server"},
		{"the server's error", "", "", "&error=server_error&error_description=%3Cb%3Ehello", "The server refused to sign you in", "&lt;b&gt;hello"},
		{"the token endpoint is down", "", "status-500", "", "The server did not answer", "500"},
		{"the token endpoint says no", "", "error-invalid-grant", "", "Not signed in", "invalid_grant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newServer(t, oauthtest.Options{Quirk: c.quirk})
			client := newClient(t, server)
			if c.behaviour != "" {
				if err := server.Always(c.behaviour); err != nil {
					t.Fatal(err)
				}
			}
			listener, in := begin(t, client, server, "http://127.0.0.1/cb")
			back := follow(t, client, in.URL)
			if c.query != "" {
				q := back.Query()
				q.Del("code")
				back.RawQuery = q.Encode() + c.query
			}
			done := make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				_, err := in.Serve(ctx, listener)
				done <- err
			}()
			status, page, header := browse(t, "GET", back.String(), "")
			if strings.HasPrefix(c.quirk, "state-") {
				cancel() // it would go on listening
			}
			if err := <-done; err == nil || status != 400 || !strings.Contains(page, "<h1>"+c.title+"</h1>") || !strings.Contains(page, c.also) {
				t.Errorf("%v; %d\n%s", err, status, page)
			}
			if c.behaviour == "" {
				wantQuietPage(t, page, header, back)
			}
		})
	}
}

// TestServeWrongState (S15): an answer with another state, which any user of the
// machine can send, does not end a sign-in.
func TestServeWrongState(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	listener, in := begin(t, client, server, "http://127.0.0.1/cb")
	back := follow(t, client, in.URL)
	done := make(chan error, 1)
	go func() { _, err := in.Serve(t.Context(), listener); done <- err }()
	for _, query := range []string{"", "state=x&code=y", "error=access_denied", "error=access_denied&state=x", back.RawQuery + "&state=x"} {
		if status, page, _ := browse(t, "GET", "http://"+listener.Addr().String()+"/cb?"+query, ""); status != 400 || !strings.Contains(page, "another state") {
			t.Errorf("%s: %d %s", query, status, page)
		}
	}
	if status, _, _ := browse(t, "GET", back.String(), ""); status != 200 {
		t.Errorf("the right one: %d", status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestServeStart (S15): what stands in the browser's arguments is an address of this
// machine, which leads to the server once and says nothing of the sign-in.
func TestServeStart(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	client := newClient(t, server)
	listener, in := begin(t, client, server, "http://127.0.0.1")
	u, err := url.Parse(in.URL)
	if err != nil || strings.Contains(in.Start, u.Query().Get("state")) || !strings.HasPrefix(in.Start, "http://127.0.0.1:") {
		t.Fatalf("%s: %v", in.Start, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := in.Serve(ctx, listener); done <- err }()
	for _, want := range []int{http.StatusFound, http.StatusGone} {
		status, _, header := browse(t, "GET", in.Start, "")
		if status != want || (header.Get("Location") == in.URL) != (want == http.StatusFound) {
			t.Errorf("%d to %q", status, header.Get("Location"))
		}
	}
	cancel()
	<-done
}

// TestNonce (K8): openid carries a nonce, and an ID token has to have it.
func TestNonce(t *testing.T) {
	for quirk, good := range map[string]bool{"": true, "nonce-wrong": false, "nonce-missing": false} {
		server := newServer(t, oauthtest.Options{Quirk: quirk})
		client := newClient(t, server)
		client.Scopes = []string{"openid", "offline_access"}
		in, err := client.Begin(oauth.AuthorizationRequest{AuthorizationURL: server.URL() + "/authorize", Redirect: "http://127.0.0.1:4711/cb", Issuer: server.Issuer()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = in.Finish(t.Context(), redirected(t, client, in.URL))
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "nonce") {
			t.Errorf("%q: %v", quirk, err)
		}
	}
}

// TestServeEnds: a person who walks away, and one who presses Ctrl-C.
func TestServeEnds(t *testing.T) {
	server := newServer(t, oauthtest.Options{})
	listener, in := begin(t, newClient(t, server), server, "http://127.0.0.1")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := in.Serve(ctx, listener); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestDevice (A8; RFC 8628 3.2-3.5): how often and how long apart it asks, and how
// it ends.
func TestDevice(t *testing.T) {
	for _, c := range []struct {
		name   string
		quirks []string
		queue  []string
		waits  []time.Duration // nil: not looked at
		says   string
	}{
		{"the server's interval", nil, nil, []time.Duration{1, 1}, ""},
		{"no interval is 5 s", []string{"device-no-interval"}, nil, []time.Duration{5, 5}, ""},
		{"a negative one, too", []string{"device-negative"}, nil, []time.Duration{5, 5}, ""},
		{"slow_down adds 5 s for good", []string{"device-slow", "device-pending"}, nil, []time.Duration{1, 6, 6, 6}, ""},
		{"a lost connection doubles it", nil, []string{"close-late", "status-500"}, []time.Duration{1, 2, 4, 4}, ""},
		{"201 from the device endpoint", []string{"device-created"}, nil, []time.Duration{1, 1}, ""},
		{"declined", []string{"device-denied"}, nil, []time.Duration{1}, "access_denied"},
		{"over", []string{"device-expired"}, nil, []time.Duration{1}, "expired_token"},
		{"nobody comes", nil, slowly(100), nil, "nobody signed in"},
		{"plain http for the person", []string{"device-http"}, nil, nil, "no https address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			server := newServer(t, oauthtest.Options{Now: clock.Now})
			client := newClient(t, server)
			client.Now, client.Sleep, client.Auth = clock.Now, clock.Sleep, "post"
			if err := server.SetQuirks(c.quirks...); err != nil {
				t.Fatal(err)
			}
			device, err := client.Device(t.Context(), server.URL()+"/device_authorization")
			if err == nil {
				if len(device.UserCode) != 9 || !strings.HasPrefix(device.Address, "https://") || !strings.Contains(device.Complete, device.UserCode) {
					t.Errorf("device %+v", device)
				}
				if err := server.Queue(c.queue...); err != nil {
					t.Fatal(err)
				}
				_, err = client.Poll(t.Context(), device)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if c.waits == nil {
				return
			}
			for i := range c.waits {
				c.waits[i] *= time.Second
			}
			if got := clock.waits; len(got) != len(c.waits) || !equalWaits(got, c.waits) {
				t.Errorf("waited %v, want %v", got, c.waits)
			}
		})
	}
}

func equalWaits(a, b []time.Duration) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// slowly is a server that is never there.
func slowly(n int) (queue []string) {
	for range n {
		queue = append(queue, "status-503")
	}
	return queue
}
