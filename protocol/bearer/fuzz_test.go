package bearer_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// gullible gives a token to everybody and keeps what it was asked for.
type gullible struct{ url origin.URL }

func (g *gullible) Get(_ context.Context, r protocol.Request) (protocol.Credential, error) {
	g.url = r.URL
	return protocol.Credential{Profile: "api", Scheme: "Bearer", Secret: secret.New("t0k"), Expires: 1 << 40}, nil
}

func (g *gullible) Forget(context.Context, protocol.Request) error { return nil }

// FuzzAddress (O3, O15): whatever the caller's URL and Host are, if a token is sent
// then the bytes on the wire name the very host, port and path that it was asked
// for.
func FuzzAddress(f *testing.F) {
	for _, seed := range []struct{ method, url, host, path, opaque string }{
		{"GET", "https://api.example.com/a?b#c", "", "", ""},
		{"POST", "https://API.example.com:443", "api.example.com", "", ""},
		{"GET", "https://api.example.com\\@evil.test/", "", "", ""},
		{"GET", "https://api.example.com/", "evil.test", "", ""},
		{"GET", "https://api.example.com/", "", ".evil.test", ""},
		{"GET", "https://api.example.com/", "", "", "//evil.test/x"},
		{"CONNECT", "https://api.example.com/a", "", "", ""},
		{"OPTIONS", "https://api.example.com", "", "*", ""},
		{"GET", "http://[::1]:80/a%2Fb/%2e%2e/", "[::1]", "", ""},
		{"GET", "https://api.example.com/a?\x82#c", "", "", ""},
		{"TRACE", "https://user@api.example.com/", "", "", ""},
	} {
		f.Add(seed.method, seed.url, seed.host, seed.path, seed.opaque)
	}
	f.Fuzz(func(t *testing.T, method, address, host, path, opaque string) {
		u, err := url.Parse(address)
		if err != nil {
			return
		}
		if path != "" {
			u.Path, u.RawPath = path, ""
		}
		u.Opaque += opaque
		g := &gullible{}
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			checkWire(t, req, g.url)
			return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
		})
		req := &http.Request{Method: method, URL: u, Host: host, Header: http.Header{}}
		if answer, err := (&bearer.Transport{Answerer: g, Base: base}).RoundTrip(req); err == nil {
			answer.Body.Close()
		}
	})
}

// checkWire reads what net/http writes for a request as a server does.
func checkWire(t *testing.T, req *http.Request, asked origin.URL) {
	var wire bytes.Buffer
	if req.Write(&wire) != nil || strings.ContainsAny(req.Method, " \r\n") {
		return // net/http refuses it; Write does not look at the method as Transport does
	}
	read, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil || req.Method == http.MethodConnect {
		return // no server takes it; a CONNECT names a host and no path
	}
	path, _, _ := strings.Cut(read.RequestURI, "?") // the query is the API's business, whatever bytes it has
	got, reason := origin.ParseURL(req.URL.Scheme + "://" + read.Host + path)
	if reason != origin.Release || got != asked {
		t.Errorf("the wire names %q %q; the token was asked for %v%v", read.Host, read.RequestURI, asked, asked.Path())
	}
	if read.Header.Get("Authorization") != "Bearer t0k" || len(read.Header.Values("Authorization")) != 1 {
		t.Errorf("Authorization is %q", read.Header.Values("Authorization"))
	}
}

// FuzzRetryAfter (A11): whatever an answer names, nobody waits longer than an hour,
// and never less than the 3 s of a 429 that names nothing believable, or a second.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "0", ".20", "-1", "120", " 7 ", "soon", "1e3", "0x10", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT",
		"Friday, 31-Dec-99 23:59:59 GMT", "Fri Dec 31 23:59:59 1999", "Fri, 31 Dec 9999 23:59:59 GMT", ""} {
		f.Add(seed, "")
		f.Add(seed, "Fri, 31 Dec 1999 23:59:58 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		synctest.Test(t, func(t *testing.T) {
			headers := http.Header{"Retry-After": {value}, "Date": {date}}
			transport := &bearer.Transport{Answerer: &gullible{}, MaxWait: 3 * time.Hour}
			var waited time.Duration
			transport.Base = roundTripper(func(*http.Request) (*http.Response, error) {
				status := 429
				if waited > 0 {
					status = 200
				}
				return &http.Response{StatusCode: status, Body: http.NoBody, Header: headers}, nil
			})
			transport.Sleep = func(_ context.Context, d time.Duration) error {
				waited += d
				time.Sleep(d)
				return nil
			}
			answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
			if err != nil || answer.StatusCode != 200 || waited < time.Second || waited > time.Hour+time.Second {
				t.Errorf("%v, %v: waited %v", answer, err, waited)
			}
		})
	})
}
