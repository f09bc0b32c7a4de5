package oauth_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
)

// TestDocument: what Ask returns of a response beside its body, and whether a server that
// gave none is down.
func TestDocument(t *testing.T) {
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", date.Format(http.TimeFormat))
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		if r.URL.Path == "/long" {
			_, _ = w.Write(make([]byte, 2<<20))
		}
	}))
	c := &oauth.Client{HTTP: server.Client(), Now: time.Now}
	d, err := c.Ask(context.Background(), http.MethodGet, server.URL+"/", nil, nil)
	if err != nil || d.Status != 429 || !d.Date.Equal(date) || d.After != 7*time.Second || d.Fault != "" {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err = c.Ask(context.Background(), http.MethodGet, server.URL+"/long", nil, nil); err != nil || d.Fault == "" {
		t.Errorf("%+v, %v", d, err)
	}
	server.Close()
	down := func(url string) bool {
		_, err := c.Ask(context.Background(), http.MethodGet, url, nil, nil)
		failed := new(oauth.Error)
		if !errors.As(err, &failed) || failed.Kind != oauth.Unreachable {
			t.Fatalf("%s: %v", url, err)
		}
		return failed.Down
	}
	if !down(server.URL) {
		t.Error("a server that refuses connections is not down")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	if down("http://" + listener.Addr().String()) {
		t.Error("a server that ends connections is down")
	}
}

// closing is a transport whose connection ends, before or in the middle of the response.
type closing struct{ answers bool }

func (c closing) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GotConn(httptrace.GotConnInfo{})
	if c.answers {
		trace.GotFirstResponseByte()
	}
	return nil, errors.New("http: server closed idle connection")
}

// TestClosedEarly: a connection that ends before a byte of the response is a failure of the
// network, whichever error net/http has for it.
func TestClosedEarly(t *testing.T) {
	for answers, want := range map[bool]oauth.Kind{false: oauth.Unreachable, true: oauth.Malformed} {
		c := &oauth.Client{HTTP: &http.Client{Transport: closing{answers}}, Now: time.Now}
		_, err := c.Ask(t.Context(), http.MethodPatch, "http://127.0.0.1:1/", nil, []byte("{}"))
		if failed := new(oauth.Error); !errors.As(err, &failed) || failed.Kind != want {
			t.Errorf("answers %v: %v, want %v", answers, err, want)
		}
	}
}
