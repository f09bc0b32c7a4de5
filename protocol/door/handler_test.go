package door

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

const (
	localSecret = "chl_local-secret-0123456789-0123456789-0123456789"
	realToken   = "real-token-0123456789"
)

// scene is a door with one guest, jci, before an API that records what it gets.
type scene struct {
	t       *testing.T
	api     *httptest.Server
	door    *httptest.Server
	handler *Handler
	guest   Guest
	answers http.HandlerFunc // of the API; may be nil

	mu      sync.Mutex
	got     []*http.Request
	bodies  []string
	asked   int // of the answerer
	refused []secret.Text
	fails   error
	asks    []protocol.Request // of the answerer
	events  []Event
	inPath  bool // the guest may have its secret in the path
	revoked atomic.Bool
	tokens  int // that the answerer has given after a refusal
}

func (s *scene) Get(_ context.Context, r protocol.Request) (protocol.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.asks = append(s.asks, r)
	if s.fails != nil {
		return protocol.Credential{}, s.fails
	}
	if !r.Refused.IsZero() {
		s.tokens++
		s.refused = append(s.refused, r.Refused.Token)
	}
	token := realToken
	if s.tokens > 0 {
		token = fmt.Sprint(realToken, s.tokens)
	}
	if r.URL != (origin.URL{}) && r.URL.Host() != "127.0.0.1" {
		return protocol.Credential{}, &protocol.Error{Kind: protocol.ErrNoProfile, Text: "another host"}
	}
	return protocol.Credential{Profile: r.Profile, Scheme: "Bearer", Secret: secret.New(token), Expires: time.Now().Unix() + 3600}, nil
}

func (s *scene) Forget(context.Context, protocol.Request) error { return nil }

func newScene(t *testing.T) *scene {
	t.Helper()
	return newSceneWith(t, func(h *Handler) *http.Server { return NewServer(h) })
}

// newSceneWith starts a scene with its own server.
func newSceneWith(t *testing.T, serve func(*Handler) *http.Server) *scene {
	t.Helper()
	s := &scene{t: t}
	s.api = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it broke off, which is no request
		}
		s.mu.Lock()
		s.got, s.bodies = append(s.got, r), append(s.bodies, string(body))
		s.mu.Unlock()
		if s.answers != nil {
			s.answers(w, r)
		}
	}))
	t.Cleanup(s.api.Close)
	api, err := NewAPI(APIConfig{Answerer: s, Profile: "jama", Base: s.api.URL, Field: "Authorization",
		ErrorBody: `{"meta":{"status":"{name}","message":"{message}"}}`, Send: &http.Transport{DisableCompression: true}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.guest = Guest{Name: "jci", Profile: "jama", API: api,
		Lives: func(context.Context) bool { return !s.revoked.Load() },
		Issue: func(n protocol.Narrowing, ends int64) (secret.Text, int64, error) {
			return secret.New("chd_local" + n.Scope), ends - 60, nil
		},
		Narrow: func(n protocol.Narrowing) (protocol.Narrowing, error) {
			switch n.Scope {
			case "read":
				return n, nil
			case "read write": // is all that there is
				return protocol.Narrowing{}, nil
			}
			return n, &protocol.Error{Kind: ErrScope, Text: "the profile lists read, write"}
		},
		Identity: func(resource, client string) (string, error) {
			switch resource {
			case "https://graph.example":
				return "graph", nil
			case "https://two.example":
				return "", &protocol.Error{Kind: protocol.ErrAmbiguous, Text: "profiles a and b both have it"}
			}
			return "", &protocol.Error{Kind: protocol.ErrNoProfile, Text: "no profile for it"}
		}}
	s.handler = &Handler{
		Answerer: s,
		Admit: func(_ context.Context, c Claim) (*Guest, error) {
			if c.ForAPI && c.Secret.Reveal() == "chd_localread" {
				g := s.guest
				g.Narrowing.Scope = "read"
				return &g, nil
			}
			if c.InPath && !s.inPath || c.Secret.Reveal() != localSecret || c.ID != "" && c.ID != "lend-jci" || s.revoked.Load() {
				return nil, ErrClaim
			}
			return &s.guest, nil
		},
		TokenPath: func(path string) bool { return path == "/oauth/token" },
		Log: func(e Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
		Now:   time.Now,
		Sleep: func(context.Context, time.Duration) {},
	}
	s.door = httptest.NewUnstartedServer(s.handler)
	config := serve(s.handler)
	config.ErrorLog = nil
	s.door.Config = config
	l := s.door.Listener
	s.handler.Host = func(host string) bool { return host == l.Addr().String() }
	s.door.Listener = &Listener{Listener: l, Check: func(c net.Conn) (Peer, error) { return Peer{Addr: c.RemoteAddr(), Local: true}, nil }}
	s.door.Start()
	t.Cleanup(s.door.Close)
	return s
}

// hangs is the time after which a test gives up; nothing here takes a second.
const hangs = 20 * time.Second

// raw sends the bytes of a request and reads one response.
func (s *scene) raw(text string) *http.Response {
	s.t.Helper()
	c, err := net.Dial("tcp", s.door.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(hangs))
	if _, err := io.WriteString(c, strings.ReplaceAll(strings.ReplaceAll(text, "\n", "\r\n"), "HOST", c.RemoteAddr().String())); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return response
}

const bearerLine = "Host: HOST\nAuthorization: Bearer " + localSecret + "\n"

// last is the API's last request; nil if there was none since the last call.
func (s *scene) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) == 0 {
		return nil
	}
	r := s.got[len(s.got)-1]
	s.got = nil
	return r
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestForeign (D3, D4, D5): what no guest of ours sends is refused before anything of it
// is used: another Host, a browser's page, a forward proxy's request.
func TestForeign(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"another host":           {"GET / HTTP/1.1\nHost: evil.test\nAuthorization: Bearer " + localSecret + "\n\n", 421},
		"a name that rebinds":    {"GET / HTTP/1.1\nHost: evil.test:80\n\n", 421},
		"our address, no port":   {"GET / HTTP/1.1\nHost: 127.0.0.1\n\n", 421},
		"a dot at the end":       {"GET / HTTP/1.1\nHost: HOST.\n\n", 421},
		"another absolute form":  {"GET http://evil.test/ HTTP/1.1\n" + bearerLine + "\n", 421},
		"connect":                {"CONNECT api.example.com:443 HTTP/1.1\n" + bearerLine + "\n", 405},
		"every path":             {"OPTIONS * HTTP/1.1\n" + bearerLine + "\n", 400},
		"a page's fetch":         {"GET /a HTTP/1.1\n" + bearerLine + "Origin: http://evil.test\n\n", 403},
		"a form":                 {"POST /a HTTP/1.1\n" + bearerLine + "Origin: null\nContent-Length: 0\n\n", 403},
		"an image":               {"GET /a HTTP/1.1\nHost: HOST\nSec-Fetch-Dest: image\n\n", 403},
		"a navigation":           {"GET /a HTTP/1.1\nHost: HOST\nSec-Fetch-Site: cross-site\n\n", 403},
		"a preflight":            {"OPTIONS /a HTTP/1.1\nHost: HOST\nAccess-Control-Request-Method: GET\n\n", 403},
		"a preflight of fields":  {"OPTIONS /a HTTP/1.1\nHost: HOST\nAccess-Control-Request-Headers: authorization\n\n", 403},
		"a page's token request": {"POST /oauth/token HTTP/1.1\nHost: HOST\nOrigin: http://evil.test\nContent-Length: 0\n\n", 403},
	} {
		r := s.raw(c.request)
		if r.StatusCode != c.status || r.Header.Get("WWW-Authenticate") != "" || r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Header)
		}
		if s.last() != nil || s.asked != 0 {
			t.Errorf("%s: it was passed on", name)
		}
	}
	if r := s.raw("GET /a HTTP/1.1\n" + bearerLine + "Sec-Fetch-Mode: cors\n\n"); r.StatusCode != 200 {
		t.Errorf("Node's own fetch: %d", r.StatusCode)
	}
	if r := s.raw("GET http://HOST/a HTTP/1.1\n" + bearerLine + "\n"); r.StatusCode != 200 || s.last() == nil {
		t.Errorf("our own absolute form: %d", r.StatusCode)
	}
}

// TestPaths (D5): a path that a server may read as another one does not leave, and
// neither does one that the guest may not use.
func TestPaths(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{"//evil.test/", "/a//b", "/a/../b", "/a/%2e%2e/b", "/a%2fb", "/a%5cb", "/a;b=c", "/a/.;/b", "/%252e%252e/", "/a%00", "/a%zz", "/.", "/a/.."} {
		if r := s.raw("GET " + path + " HTTP/1.1\n" + bearerLine + "\n"); r.StatusCode != 403 && r.StatusCode != 400 || s.last() != nil {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	for _, path := range []string{"/", "/a", "/a/", "/a/%C3%A4", "/a%20b?x=1;y=2&z=//", "/a?", "/a?x=%zz"} {
		r := s.raw("GET " + path + " HTTP/1.1\n" + bearerLine + "\n")
		if got := s.last(); got == nil || got.RequestURI != path {
			t.Errorf("%s: %d, the API got %v", path, r.StatusCode, got)
		}
	}
	s.guest.Methods, s.guest.Paths = []string{"GET"}, []string{"/rest/v1"}
	for request, status := range map[string]int{
		"GET /rest/v1/projects": 200, "GET /rest/v1": 200, "POST /rest/v1/projects": 403, "GET /rest/v10": 403, "GET /rest": 403, "DELETE /": 403, "GET /rest/%76%31/x": 200,
	} {
		if r := s.raw(request + " HTTP/1.1\n" + bearerLine + "\n"); r.StatusCode != status {
			t.Errorf("%s: %d, want %d", request, r.StatusCode, status)
		}
	}
}

// TestFields (D7, D8): of the caller's credentials and of what its connection is nothing
// goes up, and nothing that it writes replaces the token.
func TestFields(t *testing.T) {
	s := newScene(t)
	for _, f := range []string{
		"Connection: Authorization", "Connection: close, authorization", "Connection: x-keep\nX-Keep: 1", "Proxy-Authorization: Basic eDp5", "Cookie: a=b",
		"X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "Via: 1.1 x", "X-Real-IP: 1.2.3.4", "X-Mine: " + localSecret, "X-Mine: a " + localSecret + " b",
		"X-Identity-Header: a", "Secret: a", "TE: gzip", "Keep-Alive: 1", "Proxy-Connection: keep-alive",
		"X-Original-URL: /b", "X-Rewrite-URL: /b", "X-HTTP-Method: DELETE", "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE",
		"X_Original_URL: /b", "x_http_method_override: DELETE", "X-HTTP_Method: DELETE", "X_Forwarded_For: 1.2.3.4",
		"X-Forwarded-Uri: /b", "X-Forwarded-Path: /b", "X-Original-URI: /b", "X-Original-Method: DELETE",
		"Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__",
	} {
		s.raw("GET /a HTTP/1.1\n" + bearerLine + f + "\n\n")
		got := s.last()
		if got == nil {
			t.Errorf("%s: nothing came", f)
			continue
		}
		if a := got.Header["Authorization"]; len(a) != 1 || a[0] != "Bearer "+realToken {
			t.Errorf("%s: the API got Authorization %q", f, a)
		}
		for name, values := range got.Header {
			if name != "Authorization" && name != "Accept-Encoding" {
				t.Errorf("%s: the API got %s: %q", f, name, values)
			}
		}
	}
	s.raw("GET /a HTTP/1.1\n" + bearerLine + "Accept: text/csv\nUser-Agent: jci/9\nX-Mine: 1\n\n")
	if got := s.last(); got == nil || got.Header.Get("Accept") != "text/csv" || got.UserAgent() != "jci/9" || got.Header.Get("X-Mine") != "1" || got.Host != strings.TrimPrefix(s.api.URL, "http://") {
		t.Errorf("the API got %v %s", got.Header, got.Host)
	}
	if r := s.raw("GET /a?key=" + localSecret + " HTTP/1.1\n" + bearerLine + "\n"); r.StatusCode != 403 || s.last() != nil {
		t.Errorf("the secret in the query: %d", r.StatusCode)
	}
}

// TestOwnField (D7): where the API gets its token in a field of its own, a guest's field of
// that name does not go up, however it is written, also if the connection is said to own it.
func TestOwnField(t *testing.T) {
	s := newScene(t)
	s.guest.API.field = "x-api-token"
	for _, f := range []string{"X-Api-Token: mine", "X_API-TOKEN: mine", "X-API-Token: mine\nConnection: x-api-token", "x-api-token: mine\nConnection: authorization"} {
		s.raw("GET /a HTTP/1.1\n" + bearerLine + f + "\n\n")
		got := s.last()
		if got == nil || got.Header.Get("Authorization") != "Bearer "+realToken {
			t.Errorf("%s: the API got %v", f, got)
			continue
		}
		for name := range got.Header {
			if strings.HasPrefix(strings.ReplaceAll(name, "_", "-"), "X-Api") {
				t.Errorf("%s: the API got %s", f, name)
			}
		}
	}
}

// TestTraces (D8): a local secret or token, of this guest or another, goes up neither in a
// field nor in the URL, as it is or in base64. What only looks like base64 does.
func TestTraces(t *testing.T) {
	s := newScene(t)
	other, token := "chl_"+strings.Repeat("aZ9_-", 9), "chd_"+strings.Repeat("b", 80)
	for _, text := range []string{
		localSecret, other, token, "Token " + other, other + ":x", "x" + token + "==",
		base64.StdEncoding.EncodeToString([]byte("lend-jci:" + other)), "Basic " + base64.StdEncoding.EncodeToString([]byte("a:"+localSecret)),
		base64.StdEncoding.EncodeToString([]byte("ab:" + other)), base64.RawURLEncoding.EncodeToString([]byte("ÿÿ~abc:" + token)),
		"bearer.authorization." + base64.RawURLEncoding.EncodeToString([]byte(localSecret)), "a/" + base64.RawStdEncoding.EncodeToString([]byte(other)),
	} {
		s.raw("GET /a HTTP/1.1\n" + bearerLine + "X-Mine: " + text + "\n\n")
		if got := s.last(); got == nil || got.Header["X-Mine"] != nil {
			t.Errorf("%s: the API got %v", text, got)
		}
		for _, at := range []string{"?key=" + url.QueryEscape(text), "/" + url.PathEscape(text)} {
			if r := s.raw("GET /a" + at + " HTTP/1.1\n" + bearerLine + "\n"); r.StatusCode != 403 || s.last() != nil {
				t.Errorf("%s: %d", at, r.StatusCode)
			}
		}
	}
	for _, text := range []string{
		"chl_short", "schl_" + strings.Repeat("x", 42), "eyJhbGciOiJub25lIn0." + strings.Repeat("Y2hs", 40), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("chl_ ", 30))),
		"chl_local secret " + strings.Repeat("x", 50),
	} {
		s.raw("GET /a?x=" + url.QueryEscape(text) + " HTTP/1.1\n" + bearerLine + "X-Mine: " + text + "\n\n")
		if got := s.last(); got == nil || got.Header.Get("X-Mine") != text {
			t.Errorf("%s: the API got %v", text, got)
		}
	}
}

// TestAnswers (D9, D10): what the API answers comes down without the token, without
// what concerns its own address, and with redirects that lead back to the door.
func TestAnswers(t *testing.T) {
	s := newScene(t)
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"X-Echo": "your " + r.Header.Get("Authorization"), "X-Token": realToken, "Set-Cookie": "a=b", "Alt-Svc": `h3=":443"`,
			"Access-Control-Allow-Origin": "*", "Strict-Transport-Security": "max-age=1", "X-Kept": "yes",
			"Location": r.URL.Query().Get("to"),
		} {
			w.Header().Set(name, value)
		}
		w.WriteHeader(302)
	}
	self := "http://" + s.door.Listener.Addr().String()
	for to, want := range map[string]string{
		s.api.URL + "/b?c=d": self + "/b?c=d", "/b": "/b", "https://other.example/b": "https://other.example/b", s.api.URL + ".evil.test/": s.api.URL + ".evil.test/",
	} {
		r := s.raw("GET /a?to=" + url.QueryEscape(to) + " HTTP/1.1\n" + bearerLine + "\n")
		if r.StatusCode != 302 || r.Header.Get("Location") != want {
			t.Errorf("to %s: %d, Location %q", to, r.StatusCode, r.Header.Get("Location"))
		}
		for name, values := range r.Header {
			switch name {
			case "X-Kept", "Location", "Date", "Content-Length":
			default:
				t.Errorf("the guest got %s: %q", name, values)
			}
		}
	}
	echoes := s.answers
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</"+realToken+">")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Set("Trailer", "X-Told, X-Sum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Told", realToken)
		w.Header().Set("X-Sum", "1")
		w.Header().Set(http.TrailerPrefix+"X-Untold", realToken)
	}
	r := s.raw("GET /a HTTP/1.1\n" + bearerLine + "\n")
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || string(body) != "body" {
		t.Errorf("with hints and trailers: %d %q, %v", r.StatusCode, body, err)
	}
	if r.Trailer.Get("X-Sum") != "1" || strings.Contains(fmt.Sprint(r.Header, r.Trailer), realToken) {
		t.Errorf("the guest got %v, and after the body %v", r.Header, r.Trailer)
	}
	s.guest.Cookies, s.answers = true, echoes
	if r := s.raw("GET /a HTTP/1.1\n" + bearerLine + "\n"); r.Header.Get("Set-Cookie") != "a=b" {
		t.Error("cookies = true: none came")
	}
}

// TestRefusals (D12, D13): a failure that is the door's own reaches neither the API nor
// the authorization server, is in the product's words, and says whether it passes.
func TestRefusals(t *testing.T) {
	s := newScene(t)
	slept := 0
	s.handler.Sleep = func(context.Context, time.Duration) { slept++ }
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"lend-jci"}, "client_secret": {"chl_wrong"}}.Encode()
	token := func(form string) string {
		return "POST /oauth/token HTTP/1.1\nHost: HOST\nContent-Type: application/x-www-form-urlencoded\nContent-Length: " + fmt.Sprint(len(form)) + "\n\n" + form
	}
	for _, request := range []string{
		"GET /a HTTP/1.1\nHost: HOST\nAuthorization: Bearer chl_wrong\n\n", "GET /a HTTP/1.1\nHost: HOST\nAuthorization: Basic bGVuZC1vdGhlcjp4\n\n", token(form),
	} {
		if r := s.raw(request); r.StatusCode != 401 || s.last() != nil || s.asked != 0 {
			t.Errorf("%q: %d, asked %d", request, r.StatusCode, s.asked)
		}
	}
	if slept != 3 {
		t.Errorf("%d of 3 wrong secrets cost time", slept)
	}
	form = strings.Replace(form, "chl_wrong", localSecret, 1)
	for _, c := range []struct {
		err         error
		token, api  int
		code, retry string
	}{
		{&protocol.Error{Kind: protocol.ErrUnreachable, Text: "the server is away", RetryAfter: 30}, 503, 503, "temporarily_unavailable", "30"},
		{&protocol.Error{Kind: protocol.ErrLocked, Text: "the keyring is locked", Hint: "credhelper unlock"}, 503, 503, "temporarily_unavailable", "5"},
		{&protocol.Error{Kind: protocol.ErrBusy, Text: "busy"}, 503, 503, "temporarily_unavailable", "5"},
		{&protocol.Error{Kind: protocol.ErrRefused, Text: "the secret \"x\" has ended", Hint: `type credhelper rotate jama`}, 400, 403, "unauthorized_client", ""},
		{&protocol.Error{Kind: protocol.ErrNoSecret, Text: "no secret"}, 400, 403, "unauthorized_client", ""},
		{&protocol.Error{Kind: protocol.ErrLogin, Text: "sign in"}, 400, 403, "unauthorized_client", ""},
		{&protocol.Error{Kind: protocol.ErrPolicy, Text: "changed"}, 400, 403, "unauthorized_client", ""},
	} {
		s.fails = c.err
		r := s.raw(token(form))
		var refusal struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal([]byte(bodyOf(t, r)), &refusal); err != nil || r.StatusCode != c.token || refusal.Error != c.code || r.Header.Get("Retry-After") != c.retry ||
			!strings.HasPrefix(refusal.Description, "credhelper: ") || strings.ContainsAny(refusal.Description, `"\`) {
			t.Errorf("%v: %d %+v %v", c.err, r.StatusCode, refusal, r.Header)
		}
		r = s.raw("GET /a HTTP/1.1\n" + bearerLine + "\n")
		var product struct {
			Meta struct{ Status, Message string } `json:"meta"`
		}
		if err := json.Unmarshal([]byte(bodyOf(t, r)), &product); err != nil || r.StatusCode != c.api || product.Meta.Status != http.StatusText(c.api) ||
			!strings.Contains(product.Meta.Message, c.err.Error()) || r.Header.Get("Retry-After") != c.retry {
			t.Errorf("%v: %d %+v %v", c.err, r.StatusCode, product, r.Header)
		}
	}
	if s.last() != nil {
		t.Error("the API got a request without a token")
	}
}

// TestRepeats: after a 401 the request is sent once more, with its body, with another
// token. A body beyond 1 MiB is not kept, and sent once.
func TestRepeats(t *testing.T) {
	s := newScene(t)
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+realToken {
			w.WriteHeader(401)
		}
	}
	if r := s.raw("POST /a HTTP/1.1\n" + bearerLine + "Content-Length: 5\n\nhello"); r.StatusCode != 200 || strings.Join(s.bodies, " ") != "hello hello" || len(s.refused) != 1 {
		t.Errorf("%d, bodies %q", r.StatusCode, s.bodies)
	}
	long := strings.Repeat("x", bufferLimit+1)
	if notes := s.notes(); len(notes) != 0 {
		t.Errorf("the log: %q", notes)
	}
	for name, text := range map[string]string{
		"a long one":            "Content-Length: " + fmt.Sprint(len(long)) + "\n\n" + long,
		"one of unknown length": "Transfer-Encoding: chunked\n\n5\nhello\n0\n\n",
	} {
		s.tokens, s.bodies = 0, nil
		r := s.raw("POST /a HTTP/1.1\n" + bearerLine + text)
		if notes := s.notes(); r.StatusCode != 401 || len(s.bodies) != 1 || len(notes) != 1 || !strings.Contains(notes[0], "not sent again") {
			t.Errorf("%s: %d, %d bodies, the log %q", name, r.StatusCode, len(s.bodies), notes)
		}
	}
}

// TestStreams: the bytes of an event, and those of an upgraded connection, come as they
// are sent, and end with the guest.
func TestStreams(t *testing.T) {
	s := newScene(t)
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(101)
		c, rw, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.CopyN(c, rw, 7)
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}
	events := s.raw("GET /events HTTP/1.1\n" + bearerLine + "\n")
	first := make([]byte, 9)
	if _, err := io.ReadFull(events.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Errorf("%q, %v", first, err)
	}
	c, err := net.Dial("tcp", s.door.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(hangs))
	_, _ = io.WriteString(c, strings.ReplaceAll(strings.ReplaceAll("GET /socket HTTP/1.1\n"+bearerLine+"Connection: Upgrade\nUpgrade: websocket\n\n", "\n", "\r\n"), "HOST", c.RemoteAddr().String()))
	back := bufio.NewReader(c)
	if r, err := http.ReadResponse(back, nil); err != nil || r.StatusCode != 101 {
		t.Fatalf("%v, %v", r, err)
	}
	_, _ = io.WriteString(c, "\x81\x05\nabc\n")
	frame := make([]byte, 7)
	if _, err := io.ReadFull(back, frame); err != nil || string(frame) != "\x81\x05\nabc\n" {
		t.Errorf("%q, %v", frame, err)
	}
	s.revoked.Store(true)
	if _, err := events.Body.Read(first); err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the stream of a revoked guest: %v", err)
	}
	if _, err := back.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the socket of a revoked guest: %v", err)
	}
}

// notes returns the notes for the log since the last call.
func (s *scene) notes() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Note != "" && e.Guest == "jci" && e.Profile == "jama" {
			list = append(list, e.Note)
		}
	}
	s.events = nil
	return list
}

// TestUploads (D14): what a guest sends while it is revoked breaks off, and the API sees
// no end of it; so does what it receives.
func TestUploads(t *testing.T) {
	s := newScene(t)
	began, broke := make(chan bool, 1), make(chan error, 1)
	s.api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			for w.(http.Flusher).Flush(); r.Context().Err() == nil; {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					break
				}
			}
			return
		}
		_, _ = io.ReadFull(r.Body, make([]byte, 1<<16))
		began <- true
		_, err := io.Copy(io.Discard, r.Body)
		broke <- err
	})
	endless, end := io.Pipe()
	go func() {
		for {
			if _, err := end.Write(make([]byte, 1<<12)); err != nil {
				return
			}
		}
	}()
	defer endless.Close()
	request := func(method string, body io.Reader) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, s.door.URL+"/a", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+localSecret)
		return r
	}
	sent := make(chan error, 1)
	go func() {
		_, err := s.door.Client().Do(request("POST", endless))
		sent <- err
	}()
	<-began
	down, err := s.door.Client().Do(request("GET", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer down.Body.Close()
	s.revoked.Store(true)
	if _, err := io.Copy(io.Discard, down.Body); err == nil {
		t.Error("a download ended as if it were whole")
	}
	if err := <-broke; err == nil {
		t.Error("the API saw the end of an upload")
	}
	if err := <-sent; err == nil {
		t.Error("an upload was answered")
	}
}
