//go:build linux

package main_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestDoorNote: a request whose body is not kept is not sent again after a 401: the
// guest gets the API's answer, and the log says why.
func TestDoorNote(t *testing.T) {
	d := newJamaDoor(t)
	if a := d.send(t, "GET", jamaUser, basic(d.id, d.secret), nil); a.status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	d.server.RevokeAll()
	a := d.send(t, "POST", jamaUser, basic(d.id, d.secret), url.Values{"a": {"b"}}, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(r.Body), -1 // in chunks
	})
	if a.status != http.StatusUnauthorized {
		t.Errorf("%+v", a)
	}
	log, err := os.ReadFile(d.home.Dirs.Log())
	if err != nil || !strings.Contains(string(log), "the request was not sent again") {
		t.Errorf("%v: the log says\n%s", err, log)
	}
}
