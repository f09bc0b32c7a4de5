package bearer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

// world is some real servers. Each request is noted as "NAME PATH TOKEN", and
// /to/NAME/REST is answered by a redirect to /REST at NAME.
type world struct {
	mu      sync.Mutex
	seen    []string
	all     string // every field of every request
	servers map[string]*httptest.Server
}

func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	w := &world{servers: map[string]*httptest.Server{}}
	for _, name := range names {
		handler := http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) { w.serve(name, answer, r) })
		if strings.HasPrefix(name, "tls") {
			w.servers[name] = httptest.NewTLSServer(handler)
		} else {
			w.servers[name] = httptest.NewServer(handler)
		}
		t.Cleanup(w.servers[name].Close)
	}
	return w
}

func (w *world) serve(name string, answer http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	w.seen = append(w.seen, strings.TrimSpace(name+" "+sentToken(r.Header)+" "+string(body)))
	r.Header.Del("Authorization")
	for _, values := range r.Header {
		w.all += strings.Join(values, "\n") + "\n"
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/to/"); ok {
		next, rest, _ := strings.Cut(rest, "/")
		status := http.StatusFound
		if r.Method == http.MethodPost {
			status = http.StatusTemporaryRedirect
		}
		target := strings.Replace(w.servers[strings.TrimPrefix(next, "user@")].URL, "://", "://"+strings.Repeat("user@", strings.Count(next, "@")), 1)
		if next == name && r.Method == http.MethodGet {
			target = "" // relative
		}
		http.Redirect(answer, r, target+"/"+rest, status)
	}
}

// TestRedirects (O15): along every chain of redirects only the profile that
// answered first gives its token, and to its own addresses only.
func TestRedirects(t *testing.T) {
	for _, c := range []struct {
		name, profiles, method, path, want string
		fails                              error
	}{
		{"within the origin", "p=a", "GET", "/to/a/end", "a p.1, a p.1", nil},
		{"to a stranger", "p=a", "GET", "/to/b/end", "a p.1, b -", nil},
		{"to a stranger's stranger", "p=a", "GET", "/to/b/to/c/end", "a p.1, b -, c -", nil},
		{"to a stranger and back", "p=a", "GET", "/to/b/to/a/end", "a p.1, b -, a -", nil},
		{"to another origin of the profile", "p=a,b", "GET", "/to/b/to/a/end", "a p.1, b p.1, a p.1", nil},
		{"to another profile's origin", "p=a q=b", "GET", "/to/b/end", "a p.1, b -", nil},
		{"to another profile's and back", "p=a q=b", "GET", "/to/b/to/a/end", "a p.1, b -, a -", nil},
		{"a path beside the profile's", "p=a/to", "GET", "/to/a/end", "a p.1, a -", nil},
		{"a path under the profile's", "p=a/to", "GET", "/to/a/to/a/end", "a p.1, a p.1, a -", nil},
		{"with a body to a stranger", "p=a", "POST", "/to/b/end", "a p.1 bytes, b - bytes", nil},
		{"with a body within", "p=a", "POST", "/to/a/end", "a p.1 bytes, a p.1 bytes", nil},
		{"https to http", "p=tls,b", "GET", "/to/b/end", "tls p.1, b -", nil},
		{"http to https", "p=a,tls", "GET", "/to/tls/end", "a p.1, tls p.1", nil},
		{"with a user name", "p=a", "GET", "/to/user@a/end", "a p.1", protocol.ErrPolicy},
		{"with a user name at a stranger", "p=a", "GET", "/to/user@b/end", "a p.1", protocol.ErrPolicy},
	} {
		for _, narrowed := range []string{"", "p"} {
			t.Run(c.name+" "+narrowed, func(t *testing.T) {
				w := newWorld(t, "a", "b", "c", "tls")
				var lines []string
				for profile := range strings.FieldsSeq(c.profiles) {
					name, origins, _ := strings.Cut(profile, "=")
					for o := range strings.SplitSeq(origins, ",") {
						server, path, _ := strings.Cut(o, "/")
						name += " " + w.servers[server].URL + "/" + path
					}
					lines = append(lines, name)
				}
				base := w.servers["tls"].Client().Transport
				client := &http.Client{Transport: &bearer.Transport{Answerer: owns(t, lines...), Profile: narrowed, Base: base}}
				first, _, _ := strings.Cut(strings.TrimPrefix(c.profiles, "p="), ",")
				first, _, _ = strings.Cut(strings.Fields(first)[0], "/")
				var body io.Reader
				if c.method == "POST" {
					body = strings.NewReader("bytes")
				}
				answer, err := client.Do(newRequest(t, c.method, w.servers[first].URL+c.path, body))
				if !errors.Is(err, c.fails) {
					t.Errorf("error %v", err)
				}
				if err == nil {
					answer.Body.Close()
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				if got := strings.Join(w.seen, ", "); got != c.want {
					t.Errorf("seen %s; want %s", got, c.want)
				}
				if strings.Contains(w.all, "p.1") { // Referer, Cookie, anything
					t.Errorf("another field has the token: %s", w.all)
				}
			})
		}
	}
}

// TestRedirectUnknown: where another RoundTripper between client and transport
// hides how the first request went, a redirect gets no token unless the caller
// named the profile.
func TestRedirectUnknown(t *testing.T) {
	for profile, want := range map[string]string{"": "-", "api": "api.1"} {
		for name, hide := range map[string]*http.Request{"no request": nil, "another": newRequest(t, "GET", "https://api.example.com/", nil)} {
			transport, _, s := over(t)
			transport.Profile = profile
			req := newRequest(t, "GET", "https://api.example.com/", nil)
			req.Response = &http.Response{Request: hide}
			if _, err := transport.RoundTrip(req); err != nil || s.tokens() != want {
				t.Errorf("%s, profile %q: sent %s, %v; want %s", name, profile, s.tokens(), err, want)
			}
		}
	}
}

// TestRedirectNobodys: a Location that is not understood is nobody's address, so
// it gets nothing; nor must it turn into a request for the profile alone.
func TestRedirectNobodys(t *testing.T) {
	for _, location := range []string{"https://api.example.com./", "https://\u0430pi.example.com/", "https://api.example.com:0443/", "https://api.example.com/%00", "ftp://api.example.com/"} {
		transport, a, s := over(t, "302 Location: "+location, "200")
		transport.Profile = "api"
		if _, err := (&http.Client{Transport: transport}).Get("https://api.example.com/a"); err != nil || s.tokens() != "api.1 -" {
			t.Errorf("%s: %v, sent %s", location, err, s.tokens())
		}
		for _, r := range a.asked {
			if r.URL.Host() == "" {
				t.Errorf("%s: asked %+v", location, r)
			}
		}
	}
}

// TestRedirectErrors: only "not mine" lets a redirected request go without a token.
// Any other failure is one.
func TestRedirectErrors(t *testing.T) {
	for kind, goes := range map[error]bool{
		protocol.ErrNoProfile: true, protocol.ErrPolicy: true, protocol.ErrUnknown: false, protocol.ErrLogin: false, protocol.ErrLocked: false,
		protocol.ErrRefused: false, protocol.ErrUnreachable: false, protocol.ErrBusy: false,
	} {
		transport, a, s := over(t, "302 Location: /b", "200")
		a.before = func(r protocol.Request) {
			if r.URL.Path() == "/b" {
				a.owners[0].fails = kind
			}
		}
		_, err := (&http.Client{Transport: transport}).Get("https://api.example.com/a")
		if goes && (err != nil || s.tokens() != "api.1 -") || !goes && (!errors.Is(err, kind) || s.tokens() != "api.1") {
			t.Errorf("%v: %v, sent %s", kind, err, s.tokens())
		}
	}
}

// TestRedirectRefused: a redirected request recovers from a refused token like any
// other, and a stranger's 401 costs the profile nothing.
func TestRedirectRefused(t *testing.T) {
	transport, _, s := over(t, "302 Location: /b", "401", "200")
	answer, err := (&http.Client{Transport: transport}).Get("https://api.example.com/a")
	if err != nil || answer.StatusCode != 200 || s.tokens() != "api.1 api.1 api.2" {
		t.Errorf("%v, sent %s", err, s.tokens())
	}
	transport, a, s := over(t, "302 Location: https://files.example.com/", "401")
	answer, err = (&http.Client{Transport: transport}).Get("https://api.example.com/a")
	if err != nil || answer.StatusCode != 401 || s.tokens() != "api.1 -" || len(a.dropped) > 0 {
		t.Errorf("%v, sent %s, dropped %v", err, s.tokens(), a.dropped)
	}
}
