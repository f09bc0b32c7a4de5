package door

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// TestBadBody (D6): of a request whose body turns out to have more than one reading the
// API gets no end, and the guest is told that it is its own fault, however much it has
// sent behind it.
func TestBadBody(t *testing.T) {
	s := newScene(t)
	for name, body := range map[string]string{
		"an extension": "5\nhello\n5;a=b\nhello\n0\n\n", "a first extension": "5;a=b\nhello\n0\n\n", "a longer chunk": "5\nhello!\n0\n\n", "no number": "5\nhello\nx\n",
		"a trailer": "5\nhello\n0\nAuthorization: x\n\n",
	} {
		for _, method := range []string{"POST", "GET"} {
			r := s.raw(method + " /a HTTP/1.1\n" + bearerLine + "Transfer-Encoding: chunked\n\n" + body)
			if text := bodyOf(t, r); r.StatusCode != 400 || !r.Close || !strings.Contains(text, `"meta"`) {
				t.Errorf("%s %s: %d %s", method, name, r.StatusCode, text)
			}
			if got := s.last(); got != nil {
				t.Errorf("%s %s: the API got a whole request", method, name)
			}
		}
	}
}

// TestBadBodyEnds: a guest that has sent much behind what is refused reads the answer, and
// then the end of the connection, not that it was reset.
func TestBadBodyEnds(t *testing.T) {
	s := newScene(t)
	c, err := net.Dial("tcp", s.door.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	head := strings.ReplaceAll("POST /a HTTP/1.1\n"+bearerLine+"Transfer-Encoding: chunked\n\n5\nhello\nx\n", "\n", "\r\n")
	_, _ = io.WriteString(c, strings.ReplaceAll(head, "HOST", c.RemoteAddr().String())+strings.Repeat("y", lingerLimit-1000))
	_ = c.SetReadDeadline(time.Now().Add(hangs))
	if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
		t.Errorf("%.100q, %v", got, err)
	}
}

// TestNarrow: a token request may ask for less than the profile allows, and its local
// token stays as narrow; one that asks for more is refused before any server is asked.
func TestNarrow(t *testing.T) {
	s := newScene(t)
	for form, want := range map[string]struct {
		status int
		body   string
		asked  string
	}{
		"scope=read":                  {200, `"access_token":"chd_localread"`, "read"},
		"scope=write+read":            {200, `"access_token":"chd_local"`, ""},
		"scope=&audience=":            {200, `"access_token":"chd_local"`, ""},
		"scope=admin":                 {400, `"error":"invalid_scope","error_description":"credhelper: the profile lists read, write"`, "none"},
		"scope=read&audience=a+b":     {400, `"error":"invalid_scope"`, "none"},
		"scope=%22":                   {400, `"error":"invalid_scope"`, "none"},
		"audience=https://other.test": {400, `"error":"invalid_scope"`, "none"},
	} {
		s.asks = nil
		a := s.raw("POST /oauth/token HTTP/1.1\nHost: HOST\nContent-Type: application/x-www-form-urlencoded\nContent-Length: " +
			strconv.Itoa(len(form+credentials)) + "\n\n" + form + credentials)
		body := bodyOf(t, a)
		if a.StatusCode != want.status || !strings.Contains(body, want.body) {
			t.Errorf("%s: %d %s", form, a.StatusCode, body)
		}
		if len(s.asks) > 1 || (len(s.asks) == 0) != (want.asked == "none") || len(s.asks) == 1 && (s.asks[0].Scope != want.asked || s.asks[0].Guest != "jci") {
			t.Errorf("%s: asked for %+v", form, s.asks)
		}
	}
	s.asks = nil
	s.raw("GET /a HTTP/1.1\nHost: HOST\nAuthorization: Bearer chd_localread\n\n")
	s.raw("GET /a HTTP/1.1\n" + bearerLine + "\n")
	if len(s.asks) != 2 || s.asks[0].Scope != "read" || s.asks[1].Narrowing != (protocol.Narrowing{}) || s.asks[0].Guest != "jci" || s.asks[1].Guest != "jci" {
		t.Errorf("the API's requests asked for %+v", s.asks)
	}
}

var credentials = "&" + url.Values{"grant_type": {"client_credentials"}, "client_id": {"lend-jci"}, "client_secret": {localSecret}}.Encode()

// TestInPath: a guest that may has its secret as the first segment of the path. The
// secret does not go up, and a redirect of the API leads back to the same place.
func TestInPath(t *testing.T) {
	s := newScene(t)
	get := func(request, fields string) (status int, location string) {
		r := s.raw(request + " HTTP/1.1\nHost: HOST\n" + fields + "\n")
		return r.StatusCode, r.Header.Get("Location")
	}
	if status, _ := get("GET /~"+localSecret+"/a", ""); status != 401 || s.last() != nil {
		t.Errorf("a guest that may not: %d", status)
	}
	s.inPath = true
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(302)
		}
	}
	for path, want := range map[string]string{"/a/%C3%A4?b=c": "/a/%C3%A4?b=c", "": "/", "/": "/", "/~user/b": "/~user/b"} {
		status, _ := get("GET /~"+localSecret+path, "Referer: http://HOST/~"+localSecret+"/a\n")
		if got := s.last(); status != 200 || got == nil || got.RequestURI != want || got.Referer() != "" {
			t.Errorf("%s: %d, the API got %+v", path, status, got)
		}
	}
	self := "http://" + s.door.Listener.Addr().String() + "/~" + localSecret
	for to, want := range map[string]string{
		s.api.URL + "/b?c=d": self + "/b?c=d", "/b%2Fc": "/~" + localSecret + "/b%2Fc", "b": "b", "https://other.example/b": "https://other.example/b",
	} {
		if _, location := get("GET /~"+localSecret+"/a?to="+url.QueryEscape(to), ""); location != want {
			t.Errorf("to %s: Location %q, want %q", to, location, want)
		}
	}
	s.last()
	for request, want := range map[string]int{
		"GET /~chl_wrong/a": 401, "GET /~" + localSecret + "x/a": 401, "GET /~" + localSecret + "/a/" + localSecret: 403, "GET /~" + localSecret + "/a/../b": 403,
		"GET /~" + localSecret + "//b": 403, "POST /~" + localSecret + "/oauth/token": 403, "GET /~" + localSecret[:8] + "%2D" + localSecret[9:] + "/a": 401, "GET /~other/a": 401,
	} {
		if status, _ := get(request, ""); status != want || s.last() != nil {
			t.Errorf("%s: %d, want %d", request, status, want)
		}
	}
	if status, _ := get("GET /~"+localSecret+"/a", "Authorization: Bearer "+localSecret+"\n"); status != 400 || s.last() != nil {
		t.Errorf("two proofs: %d", status)
	}
}

// FuzzInPath: whatever the target, what goes on is a path without the secret, and a path
// without one goes on as it is.
func FuzzInPath(f *testing.F) {
	for _, target := range []string{"/a", "/~chl_x", "/~chl_x/", "/~chl_x/~chl_x/a?b", "/~chl_x%2Fa", "/~user/a", "//~chl_x", "/~chl_%78/a%20b", "*"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" {
			return
		}
		r, c, err := claimForAPI(&http.Request{Method: "GET", URL: u, RequestURI: target, Header: http.Header{}})
		path := r.URL.EscapedPath()
		switch {
		case err != nil:
		case !c.InPath && (r.RequestURI != target || !c.Secret.IsZero()):
			t.Errorf("%q became %q", target, r.RequestURI)
		case c.InPath && (!strings.HasPrefix(path, "/") || InPath+c.Secret.Reveal()+path != u.EscapedPath() && path != "/"):
			t.Errorf("%q: %q behind a secret of %d bytes", target, path, c.Secret.Len())
		}
	})
}
