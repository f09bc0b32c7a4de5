package door

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

const tokenForm = "grant_type=client_credentials"

var basicLine = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("lend-jci:"+localSecret)) + "\n"

// tokenRequest is a token request with more fields.
func tokenRequest(fields, form string) string {
	return "POST /oauth/token HTTP/1.1\nHost: HOST\n" + fields + "Content-Type: application/x-www-form-urlencoded\nContent-Length: " + strconv.Itoa(len(form)) + "\n\n" + form
}

// counted returns a scene, and how many requests came to net/http there.
func counted(t *testing.T) (*scene, *atomic.Int32) {
	passed := new(atomic.Int32)
	return newSceneWith(t, func(h *Handler) *http.Server {
		own := NewServer(h)
		own.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			passed.Add(1)
			h.ServeHTTP(w, r)
		})
		return own
	}), passed
}

// talk sends a text on a connection of its own and reads so many answers: status, fields
// but the date, and body.
func (s *scene) talk(answers int, text string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.door.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(hangs))
	_, _ = io.WriteString(c, strings.ReplaceAll(strings.ReplaceAll(text, "\n", "\r\n"), "HOST", c.RemoteAddr().String()))
	lines, got := bufio.NewReader(c), ""
	for range answers {
		r, err := http.ReadResponse(lines, nil)
		if err != nil {
			return got + err.Error()
		}
		if _, err := http.ParseTime(r.Header.Get("Date")); err != nil && r.StatusCode >= 200 {
			s.t.Error(err)
		}
		r.Header.Del("Date")
		got += fmt.Sprintln(r.Status, r.Header, r.Close, bodyOf(s.t, r))
	}
	return got
}

// TestDirect: a token request that came as a whole is answered without net/http's server,
// with the same answer.
func TestDirect(t *testing.T) {
	direct, passed := counted(t)
	slow := newSceneWith(t, func(h *Handler) *http.Server { return NewServer(http.HandlerFunc(h.ServeHTTP)) })
	for name, request := range map[string]string{
		"basic":            tokenRequest(basicLine, tokenForm),
		"in the body":      tokenRequest("", credentials[1:]),
		"two ways":         tokenRequest(basicLine, credentials[1:]),
		"a wrong secret":   tokenRequest("Authorization: Basic eDp5\n", tokenForm),
		"nobody":           tokenRequest("", tokenForm),
		"another grant":    tokenRequest(basicLine, "grant_type=password"),
		"a scope too much": tokenRequest(basicLine, tokenForm+"&scope=admin"),
		"a narrow one":     tokenRequest(basicLine, tokenForm+"&scope=read"),
		"a repeated name":  tokenRequest(basicLine, tokenForm+"&"+tokenForm),
		"a page":           tokenRequest(basicLine+"Origin: http://evil.test\n", tokenForm),
		"another host":     strings.Replace(tokenRequest(basicLine, tokenForm), "HOST", "evil.test", 1),
		"small letters":    strings.Replace(tokenRequest(strings.ToLower(basicLine[:13])+basicLine[13:], tokenForm), "Content-Type", "content-type", 1),
		"no form":          "POST /oauth/token HTTP/1.1\nHost: HOST\n" + basicLine + "\n",
		"an empty form":    tokenRequest(basicLine, ""),
		"a long form":      tokenRequest(basicLine, "x="+strings.Repeat("y", readSize/2)),
		"kept":             tokenRequest(basicLine+"Connection: keep-alive\n", tokenForm),
		"a longer type":    strings.Replace(tokenRequest(basicLine, tokenForm), "urlencoded", "urlencoded; charset=utf-8", 1),
		"another type":     strings.Replace(tokenRequest(basicLine, tokenForm), "x-www-form-urlencoded", "json", 1),
	} {
		got, want := direct.talk(1, request), slow.talk(1, request)
		if got != want || passed.Load() != 0 {
			t.Errorf("%s, passed on %d:\n%s\nby net/http:\n%s", name, passed.Swap(0), got, want)
		}
	}
	if fmt.Sprint(told(direct)) != fmt.Sprint(told(slow)) {
		t.Errorf("the log has %v, by net/http %v", told(direct), told(slow))
	}
}

// piped is a door that admits everybody, with the pipes that lead to it.
func piped(a protocol.Answerer) (*http.Server, pipes) {
	from := make(pipes)
	own := NewServer(&Handler{
		Answerer:  a,
		Admit:     func(context.Context, Claim) (*Guest, error) { return &Guest{Name: "jci", Profile: "jama"}, nil },
		TokenPath: func(path string) bool { return path == "/oauth/token" },
		Host:      func(string) bool { return true },
		Now:       time.Now,
	})
	go func() {
		_ = own.Serve(&Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }})
	}()
	return own, from
}

// told returns how often each refusal was logged.
func told(s *scene) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, e := range s.events {
		n[fmt.Sprint(e.Guest, e.Peer.Local, e.Err)]++
	}
	return n
}

// TestDirectPasses: what is not as plain as that is net/http's, and its answer, too.
func TestDirectPasses(t *testing.T) {
	s, passed := counted(t)
	plain := tokenRequest(basicLine, tokenForm)
	for name, request := range map[string]string{
		"another path":     strings.Replace(plain, "/oauth/token", "/a", 1),
		"another method":   strings.Replace(plain, "POST", "PUT", 1),
		"a query":          strings.Replace(plain, "/oauth/token", "/oauth/token?a=b", 1),
		"absolute form":    strings.Replace(plain, "/oauth/token", "http://HOST/oauth/token", 1),
		"the last request": tokenRequest(basicLine+"Connection: close\n", tokenForm),
		"an upgrade":       tokenRequest(basicLine+"Connection: upgrade\nUpgrade: websocket\n", tokenForm),
		"an expectation":   tokenRequest(basicLine+"Expect: 100-continue\n", tokenForm),
		"chunks":           strings.Replace(strings.Replace(plain, "Content-Length: 29", "Transfer-Encoding: chunked", 1), tokenForm, "1d\n"+tokenForm+"\n0\n\n", 1),
	} {
		if got := s.talk(1, request); !strings.HasPrefix(got, "200 OK") && !strings.HasPrefix(got, "100 Continue") || passed.Swap(0) != 1 {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestDirectOrder: answers come in the order of the requests, however these are mixed on
// a connection and cut by the network.
func TestDirectOrder(t *testing.T) {
	s, passed := counted(t)
	s.answers = func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond) // the token would be there sooner
		_, _ = io.WriteString(w, r.URL.Path)
	}
	token, api := tokenRequest(basicLine, tokenForm), "GET /api HTTP/1.1\n"+bearerLine+"\n"
	upload := "POST /upload HTTP/1.1\n" + bearerLine + "Content-Length: " + strconv.Itoa(len(token)) + "\n\n" + strings.Repeat("x", len(token))
	for _, order := range []string{"t", "tt", "ta", "at", "tat", "aat", "att", "ut", "tuta", "uutt", "taauttatu"} {
		text, want := "", ""
		for _, c := range order {
			text += map[rune]string{'t': token, 'a': api, 'u': upload}[c]
			want += map[rune]string{'t': "access_token ", 'a': "/api ", 'u': "/upload "}[c]
		}
		got := ""
		for line := range strings.Lines(s.talk(len(order), text)) {
			for _, part := range []string{"access_token", "/api", "/upload"} {
				if strings.HasPrefix(line, "200 ") && strings.Contains(line, part) {
					got += part + " "
				}
			}
		}
		if got != want {
			t.Errorf("%s: %s", order, got)
		}
	}
	if passed.Load() == 0 {
		t.Error("net/http got nothing: the test is blind")
	}
}

// TestDirectIdle: a connection on which only token requests come ends when it was idle for
// as long as any other may be, and not before.
func TestDirectIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, from := piped(answers{})
		defer own.Close()
		ours, theirs := net.Pipe()
		from <- ours
		lines, text := bufio.NewReader(theirs), strings.ReplaceAll(tokenRequest(basicLine, tokenForm), "\n", "\r\n")
		for i := range 40 {
			time.Sleep(unknownTime / 2)
			_, _ = io.WriteString(theirs, text)
			r, err := http.ReadResponse(lines, nil)
			if err != nil || r.StatusCode != 200 {
				t.Fatalf("request %d: %v, %v", i, r, err)
			}
			_ = bodyOf(t, r)
		}
		began := time.Now()
		if _, err := lines.ReadByte(); err != io.EOF || time.Since(began) > idleTime || time.Since(began) < idleTime*9/10 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// FuzzParameters: parameters are what net/url finds, each once.
func FuzzParameters(f *testing.F) {
	for _, text := range []string{"", "&", "a", "a=b&c=%20+d", "a=1&a=2", "a;b", "%zz", "a=%", "=x", strings.Repeat("a&", 65)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, bad := url.ParseQuery(text)
		got, err := single(text)
		if bad != nil && err == nil || err == nil && len(got) != len(want) {
			t.Fatalf("%q: %v, %v; net/url has %v, %v", text, got, err, want, bad)
		}
		for name, values := range want {
			if err == nil && (got.Get(name) != values[0] || len(values) != 1) {
				t.Errorf("%q: %q is %q", text, name, got.Get(name))
			}
		}
		if err != nil && bad == nil && len(want) < mostParameters && !slices.ContainsFunc(slices.Collect(maps.Values(want)), func(v []string) bool { return len(v) > 1 }) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzDirectReads: of a head that was checked direct makes the request that net/http does.
func FuzzDirectReads(f *testing.F) {
	for _, row := range headRows(f) {
		f.Add(row.head)
	}
	f.Add("POST /%7Ea/b HTTP/1.1\r\nhost: h\r\nx-a:\t1 \r\nX-A: 2\r\nX_a: \r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := endOfHead([]byte(text), 0)
		if n == 0 || err != nil {
			return
		}
		head := text[:n]
		if follows, err := checkHead(head); err != nil || follows.chunked {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		line, fields, _ := strings.Cut(head, "\r\n")
		target := strings.Split(line, " ")[1]
		own := &direct{}
		if !strings.HasPrefix(target, "/") || !own.read(target, fields) {
			return
		}
		got := own.request
		delete(got.Header, "Cache-Control") // net/http adds one that nobody reads
		delete(want.Header, "Cache-Control")
		if err != nil || got.Host != want.Host || *got.URL != *want.URL || got.RequestURI != want.RequestURI || !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
			t.Errorf("%q: %+v, by net/http %+v, %v", head, got, want, err)
		}
	})
}
