package door

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// begin sends the beginning of a request on a connection of its own.
func (s *scene) begin(text string) net.Conn {
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
	return c
}

// TestRevokedInBody (D14): a guest that is revoked while it sends a request gets nothing for
// it, whether it goes on or waits, and its connection ends.
func TestRevokedInBody(t *testing.T) {
	for _, rest := range []string{"", "llo"} {
		s := newScene(t)
		admitted, admit := make(chan bool), s.handler.Admit
		s.handler.Admit = func(ctx context.Context, c Claim) (*Guest, error) {
			defer close(admitted)
			return admit(ctx, c)
		}
		c := s.begin("POST /a HTTP/1.1\n" + bearerLine + "Content-Length: 5\n\nhe")
		<-admitted
		s.revoked.Store(true)
		if rest == "" {
			if got, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || len(got) > 0 {
				t.Errorf("while it waits: %q, %v", got, err)
			}
		} else if _, err := io.WriteString(c, rest); err == nil {
			if r, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && r.StatusCode != 401 {
				t.Errorf("after the rest: %d", r.StatusCode)
			}
		}
		s.door.Close()
		if got := s.last(); got != nil {
			t.Errorf("with %q behind: the API got %s", rest, got.Method)
		}
	}
}

// TestGoneIsNoFailure: a guest that goes away, before its answer or within its body, leaves
// no line in the log: nothing was refused, and the API has not failed.
func TestGoneIsNoFailure(t *testing.T) {
	for name, request := range map[string]string{
		"before its answer": "GET /a HTTP/1.1\n" + bearerLine + "\n",
		"within its body":   "POST /a HTTP/1.1\n" + bearerLine + "Transfer-Encoding: chunked\n\n5\nhello\n",
	} {
		s := newScene(t)
		came, went := make(chan bool), make(chan bool)
		s.api.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 5))
			close(came)
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			close(went)
		})
		c := s.begin(request)
		<-came
		c.Close()
		<-went
		s.door.Close() // when all that it served has ended
		for _, e := range s.events {
			if e.Err != nil || e.Note != "" {
				t.Errorf("%s: %v%s", name, e.Err, e.Note)
			}
		}
	}
}

// TestLocation (D10): what leads to the API's address leads back to the door, however servers
// write it, and what leads elsewhere stays as it is.
func TestLocation(t *testing.T) {
	api, err := NewAPI(APIConfig{Profile: "jama", Base: "https://api.example.com", Field: "Authorization", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	g, in := &Guest{API: api}, &http.Request{Host: "127.0.0.1:7717", URL: &url.URL{Path: "/a"}}
	for text, want := range map[string]string{
		"https://api.example.com/b?c=d":   "http://127.0.0.1:7717/b?c=d",
		"https://api.example.com:443/b":   "http://127.0.0.1:7717/b",
		"https://API.example.com/b#c":     "http://127.0.0.1:7717/b#c",
		"//api.example.com/b":             "http://127.0.0.1:7717/b",
		"/b":                              "/b",
		"b":                               "b",
		"?c=d":                            "?c=d",
		"http://api.example.com/b":        "http://api.example.com/b",
		"https://api.example.com:8443/b":  "https://api.example.com:8443/b",
		"https://api.example.com.evil/b":  "https://api.example.com.evil/b",
		"//evil.test/b":                   "//evil.test/b",
		"https://you@api.example.com/b":   "https://you@api.example.com/b",
		"mailto:somebody@api.example.com": "mailto:somebody@api.example.com",
	} {
		if got := g.location(text, in, Claim{}); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestTooMany: a guest that cannot come in because of others is not told that it has too
// many connections itself.
func TestTooMany(t *testing.T) {
	own := &conn{listener: &Listener{total: mostKnown}, timer: time.NewTimer(time.Hour)}
	h := &Handler{Admit: func(context.Context, Claim) (*Guest, error) { return &Guest{Name: "jci"}, nil }}
	r := (&http.Request{}).WithContext(context.WithValue(t.Context(), connKey{}, own))
	_, err := h.admit(r, Claim{Secret: secret.New("chl_x")})
	if !errors.Is(err, protocol.ErrBusy) || !strings.Contains(err.Error(), "or of all guests") {
		t.Error(err)
	}
}
