package helper_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestRotatedKept (B1, A18): whatever else is odd in the answer to a refresh, the
// refresh token that it brings is kept, so that the next call goes on with it. The
// server calls the old one reused, which is a fault of this test.
func TestRotatedKept(t *testing.T) {
	all, err := oauthtest.Answers()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range all {
		if a.File != "rotated.txt" || a.Name == "rotated-invented" {
			continue
		}
		n++
		t.Run(a.Name, func(t *testing.T) {
			h := signedIn(t, oauthtest.Options{})
			h.wait(2 * time.Hour)
			if err := h.server.Queue(a.Name); err != nil {
				t.Fatal(err)
			}
			if _, err := h.ask(); (err == nil) != (a.Expect == "token") || errors.Is(err, protocol.ErrLogin) {
				t.Fatalf("the odd answer: %v", err)
			}
			h.wait(2 * time.Hour)
			if _, err := h.ask(); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
	if n < 15 {
		t.Fatalf("only %d answers: where are the others?", n)
	}
}

// TestFormerTried (B1): the refresh token before stays beside the new one, and is
// tried once if the server says that it does not know the new one.
func TestFormerTried(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	if err := h.server.SetQuirks("refresh-kept"); err != nil {
		t.Fatal(err)
	}
	h.wait(2 * time.Hour)
	if err := h.server.Queue("rotated-invented"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ask(); err != nil {
		t.Fatal(err)
	}
	h.wait(2 * time.Hour)
	before := h.server.Count()
	if _, err := h.ask(); err != nil {
		t.Errorf("with the former: %v", err)
	}
	if n := h.server.Count() - before; n != 2 {
		t.Errorf("%d requests", n)
	}
	h.wait(2 * time.Hour)
	before = h.server.Count()
	if _, err := h.ask(); err != nil {
		t.Errorf("with the former, in the place of the other: %v", err)
	}
	if n := h.server.Count() - before; n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestDeadOnce (A12): two refresh tokens that the server does not know are asked for
// once each and remembered until somebody signs in, however long that takes.
func TestDeadOnce(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	h.wait(2 * time.Hour)
	if _, err := h.ask(); err != nil {
		t.Fatal(err)
	}
	h.server.EndSignIns()
	before := h.server.Count()
	for _, pause := range []time.Duration{2 * time.Hour, time.Minute, 24 * time.Hour, 90 * 24 * time.Hour} {
		h.wait(pause)
		_, err := h.ask()
		wantError(t, err, protocol.ErrLogin, "invalid_grant")
		var e *protocol.Error
		if !errors.As(err, &e) || !strings.HasSuffix(e.Hint, ": credhelper login demo") {
			t.Errorf("hint %q", e.Hint)
		}
	}
	if n := h.server.Count() - before; n != 2 {
		t.Errorf("%d requests", n)
	}
	h.login()
	if _, err := h.ask(); err != nil {
		t.Error(err)
	}
}

// TestRotatedUnkept: what can be no refresh token is not put in a good one's place.
func TestRotatedUnkept(t *testing.T) {
	for _, name := range []string{"refresh-token-empty", "refresh-token-lf", "refresh-token-number", "error-and-refresh"} {
		t.Run(name, func(t *testing.T) {
			h := signedIn(t, oauthtest.Options{})
			h.wait(2 * time.Hour)
			kept := func() secret.Text {
				for key, item := range h.keyring.snapshot() {
					if key != "" {
						return item
					}
				}
				return secret.Text{}
			}
			was := kept()
			if err := h.server.Queue(name); err != nil {
				t.Fatal(err)
			}
			_, _ = h.ask()
			if !kept().Equal(was) {
				t.Error("the keyring has another refresh token")
			}
		})
	}
}
