package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/guest/ca"
)

// TestDoorCAEnds: 30 days before the end of the door's CA, status and doctor say so.
func TestDoorCAEnds(t *testing.T) {
	made := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	a, err := ca.New(nil, made)
	if err != nil {
		t.Fatal(err)
	}
	for days, want := range map[int]string{0: "", 699: "", 701: "the door's CA ends on 2028-11-27", 730: "the door's CA ended on 2028-11-27"} {
		s := &session{now: func() time.Time { return made.AddDate(0, 0, days) }}
		if got := s.doorCATrouble(a); got.text != want || (got.mend == "") != (want == "") {
			t.Errorf("after %d days: %+v, want %q", days, got, want)
		}
	}
}

// TestAnswers: doctor knows a door with TLS, one with a certificate of a former CA, and
// another program.
func TestAnswers(t *testing.T) {
	authority := func() *ca.Authority {
		a, err := ca.New(nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	present, former := authority(), authority()
	serve := func(a *ca.Authority) string {
		leaf, err := a.Leaf(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*leaf}})
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { server.Close() })
		return l.Addr().String()
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="credhelper"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer plain.Close()
	unknown := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "credhelper") // as at plain HTTP to a door with TLS
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer unknown.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for name, c := range map[string]struct {
		at   string
		ca   *ca.Authority
		want int
	}{
		"a door with TLS":        {serve(present), present, doorAnswers},
		"a CA that is locked":    {unknown.Listener.Addr().String(), nil, doorAnswers},
		"a former CA":            {serve(former), present, formerAnswers},
		"a plain door":           {plain.Listener.Addr().String(), nil, doorAnswers},
		"a plain door, and a CA": {plain.Listener.Addr().String(), present, doorAnswers},
		"another program":        {other.Listener.Addr().String(), present, otherAnswers},
		"nobody":                 {gone.Addr().String(), present, nobodyAnswers},
	} {
		if got := answers(c.at, c.ca); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
