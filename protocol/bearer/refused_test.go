package bearer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

// TestRefused: after a refused token one more try with another one, and the API's
// own answer where that does not help.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []string
		also    []int // statuses by which the API refuses tokens
		want    int   // status that the caller gets
		tokens  string
		dropped string
	}{
		{"taken", []string{"200"}, nil, 200, "api.1", ""},
		{"refused once", []string{"401", "200"}, nil, 200, "api.1 api.2", "api.1"},
		{"refused twice", []string{"401", "401", "200"}, nil, 401, "api.1 api.2", "api.1"},
		{"403 is the API's own business", []string{"403", "200"}, nil, 403, "api.1", ""},
		{"403 as the profile has it", []string{"403", "200"}, []int{403, 404}, 200, "api.1 api.2", "api.1"},
		{"404 as the profile has it", []string{"404", "404", "200"}, []int{403, 404}, 404, "api.1 api.2", "api.1"},
		{"another status then", []string{"401", "500"}, nil, 500, "api.1 api.2", "api.1"},
		{"500", []string{"500", "200"}, nil, 500, "api.1", ""},
		{"407 is the proxy's", []string{"407", "200"}, nil, 407, "api.1", ""},
	} {
		for _, method := range []string{"GET", "POST"} {
			transport, a, s := over(t, c.answers...)
			a.owners[0].given.RefreshOn = c.also
			var body io.Reader
			if method == "POST" {
				body = strings.NewReader("bytes")
			}
			answer, err := transport.RoundTrip(newRequest(t, method, "https://api.example.com/", body))
			if err != nil || answer.StatusCode != c.want || s.tokens() != c.tokens || strings.Join(a.dropped, " ") != c.dropped {
				t.Errorf("%s %s: %+v, %v, sent %s, dropped %s", method, c.name, answer, err, s.tokens(), a.dropped)
				continue
			}
			if got := text(t, answer); !strings.HasPrefix(got, "said ") || answer.Request.Header.Get("Authorization") != "" {
				t.Errorf("%s %s: body %q", method, c.name, got)
			}
			for _, sent := range s.bodies {
				if method == "POST" && sent != "bytes" {
					t.Errorf("%s: sent bodies %q", c.name, s.bodies)
				}
			}
			if s.open() > 0 {
				t.Errorf("%s %s: %d answers were not closed", method, c.name, s.open())
			}
		}
	}
}

// TestRefusedStream: a body that cannot be had again is sent once. The token is
// reported all the same: the next request must not meet it.
func TestRefusedStream(t *testing.T) {
	transport, a, s := over(t, "401", "200")
	body := stream("bytes")
	answer, err := transport.RoundTrip(newRequest(t, "POST", "https://api.example.com/", body))
	if err != nil || answer.StatusCode != 401 || text(t, answer) != "said 401" || !body.closed || s.sent() != 1 {
		t.Errorf("%v %v, body closed %v, sent %d", answer, err, body.closed, s.sent())
	}
	if _, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil)); err != nil || s.tokens() != "api.1 api.2" || a.dropped[0] != "api.1" {
		t.Errorf("%v, sent %s, dropped %v", err, s.tokens(), a.dropped)
	}
}

// TestRefusedNoOther: where there is no other token the API's answer stands, whole.
func TestRefusedNoOther(t *testing.T) {
	transport, a, s := over(t, "401")
	a.stuck = true
	answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
	if err != nil || answer.StatusCode != 401 || text(t, answer) != "said 401" || s.sent() != 1 {
		t.Errorf("%v %v, sent %d", answer, err, s.sent())
	}
}

// TestRefusedFails: when the next token is not to be had, a 401 becomes the reason
// why, for that says what to do. Other statuses stay, for they may mean something
// else.
func TestRefusedFails(t *testing.T) {
	for _, status := range []string{"401", "404"} {
		transport, a, s := over(t, status)
		a.owners[0].given.RefreshOn = []int{404}
		asked := 0
		a.before = func(protocol.Request) {
			if asked++; asked > 1 {
				a.owners[0].fails = &protocol.Error{Kind: protocol.ErrLogin, Text: "profile api: sign in"}
			}
		}
		answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
		switch {
		case s.sent() != 1 || asked != 2:
			t.Errorf("%s: sent %d, asked %d", status, s.sent(), asked)
		case status == "401" && !errors.Is(err, protocol.ErrLogin):
			t.Errorf("401: %v, %v", answer, err)
		case status == "404" && (err != nil || text(t, answer) != "said 404"):
			t.Errorf("404: %v, %v", answer, err)
		case s.open() > 0:
			t.Errorf("%s: not closed", status)
		}
	}
}

// TestRefusedInVain: an API that refuses new tokens, too, does not make a token
// request of every call; after a minute it is tried again, and another token at
// once.
func TestRefusedInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, a, s := over(t, "401")
		call := func(want string) {
			t.Helper()
			s.headers = nil
			answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
			if err != nil || answer.StatusCode != 401 || s.tokens() != want {
				t.Errorf("%v, sent %s; want %s", err, s.tokens(), want)
			}
		}
		call("api.1 api.2")
		for range 3 {
			call("api.2")
		}
		time.Sleep(time.Minute)
		call("api.2 api.3")
		call("api.3")
		a.owners[0].number = 7 // somebody rotated the secret
		call("api.7 api.8")
	})
}

// TestRefusedInVainByStatus: a 404 in vain says nothing of a 401 for the same token.
func TestRefusedInVainByStatus(t *testing.T) {
	transport, a, s := over(t, "404", "404", "404", "401", "200")
	a.owners[0].given.RefreshOn = []int{404}
	for _, want := range []int{404, 404, 200} {
		answer, err := transport.RoundTrip(newRequest(t, "GET", "https://api.example.com/", nil))
		if err != nil || answer.StatusCode != want {
			t.Errorf("%v, %v; want %d", answer, err, want)
		}
	}
	if s.tokens() != "api.1 api.2 api.2 api.2 api.3" {
		t.Errorf("sent %s", s.tokens())
	}
}

// TestRefusedTogether: of 50 goroutines with the same refused token each is
// answered, and one token is made.
func TestRefusedTogether(t *testing.T) {
	a := owns(t, "api https://api.example.com")
	const n = 50
	var wait sync.WaitGroup
	var refused atomic.Int32
	together := make(chan struct{})
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		status := 200
		if req.Header.Get("Authorization") == "Bearer api.1" {
			status = 401
			if refused.Add(1) == n {
				close(together)
			}
			<-together
		}
		return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}}, nil
	})
	transport := &bearer.Transport{Answerer: a, Base: base}
	for range n {
		wait.Go(func() {
			answer, err := transport.RoundTrip(newRequest(t, "POST", "https://api.example.com/", strings.NewReader("bytes")))
			if err != nil || answer.StatusCode != 200 {
				t.Errorf("%v, %v", answer, err)
			}
		})
	}
	wait.Wait()
	if a.owners[0].number != 2 {
		t.Errorf("%d tokens were made, want 1 more", a.owners[0].number-1)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestRefusedConnection: the refused answer is read, so that the next try has its
// connection; one that is too long is not, and is still whole for the caller.
func TestRefusedConnection(t *testing.T) {
	for name, c := range map[string]struct {
		length int
		same   bool
	}{"short": {60 << 10, true}, "long": {4 << 20, false}} {
		var peers []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peers = append(peers, r.RemoteAddr)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write(make([]byte, c.length))
		}))
		a := owns(t, "api "+server.URL)
		transport := &bearer.Transport{Answerer: a}
		answer, err := transport.RoundTrip(newRequest(t, "GET", server.URL, nil))
		if err != nil || len(text(t, answer)) != c.length || len(peers) != 2 || (peers[0] == peers[1]) != c.same {
			t.Errorf("%s: %v, from %v", name, err, peers)
		}
		a.stuck = true
		if answer, err = transport.RoundTrip(newRequest(t, "GET", server.URL+"/again", nil)); err != nil || len(text(t, answer)) != c.length {
			t.Errorf("%s: not whole: %v", name, err)
		}
		transport.CloseIdleConnections()
		server.Close()
	}
}

// TestRefusedNoBody: a body that cannot be made anew is an error, not an empty
// request.
func TestRefusedNoBody(t *testing.T) {
	transport, _, s := over(t, "401", "200")
	req := newRequest(t, "POST", "https://api.example.com/", strings.NewReader("bytes"))
	req.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe }
	if _, err := transport.RoundTrip(req); !errors.Is(err, io.ErrClosedPipe) || s.sent() != 1 {
		t.Errorf("%v, sent %d", err, s.sent())
	}
}
