package helper_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestRefusalIsRemembered (A12): after a refusal nobody asks for 30 s, whoever
// asks gets the earlier reason, and the wait grows while nothing changes.
func TestRefusalIsRemembered(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	h.store("demo", "wrong")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused, "profile demo: token endpoint: 401 invalid_client", "credhelper rotate demo")
	h.wait(6 * time.Second)
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused, "profile demo: refused ", " s ago, not asked again until ", " s); the earlier reason: 401 invalid_client",
		"credhelper rotate demo; to ask at once: credhelper test demo")
	if e := new(protocol.Error); !errors.As(err, &e) || e.RetryAfter < 20 || e.RetryAfter > 25 {
		t.Errorf("worth asking again after %d s", e.RetryAfter)
	}
	if n := h.server.Count(); n != 1 {
		t.Fatalf("%d token requests", n)
	}
	h.wait(25 * time.Second)
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused, "token endpoint")
	h.wait(31 * time.Second)
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused, "not asked again")
}

// TestCronLoop (A12): a cron job that runs every minute with a bad secret makes a
// handful of requests in its first hour, and never more than four in a later one.
func TestCronLoop(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	h.store("demo", "wrong")
	for hour, most := range []int{9, 4, 4} {
		before := h.server.Count()
		for range 60 {
			_, err := h.get(named)
			wantError(t, err, protocol.ErrRefused)
			h.wait(time.Minute)
		}
		if n := h.server.Count() - before; n > most || n == 0 {
			t.Errorf("hour %d: %d token requests; at most %d", hour, n, most)
		}
	}
}

// TestMarkEnds (A12): another secret, an edit of the profile or a test by a person
// ends the wait at once; what does not touch the token does not.
func TestMarkEnds(t *testing.T) {
	refused := func(t *testing.T) *home {
		h := newHome(t, oauthtest.Options{})
		h.profile("demo", plain)
		h.store("demo", "wrong")
		_, err := h.get(named)
		wantError(t, err, protocol.ErrRefused)
		return h
	}
	t.Run("another secret", func(t *testing.T) {
		h := refused(t)
		h.store("demo", "secret")
		h.mustGet(named)
	})
	t.Run("another scope", func(t *testing.T) {
		h := refused(t)
		h.profile("demo", plain+"scopes = [\"read\"]\n")
		_, err := h.get(named)
		wantError(t, err, protocol.ErrRefused, "token endpoint")
	})
	t.Run("other notes", func(t *testing.T) {
		h := refused(t)
		h.profile("demo", plain+"notes = \"x\"\n")
		_, err := h.get(named)
		wantError(t, err, protocol.ErrRefused, "not asked again")
	})
	t.Run("a test by a person", func(t *testing.T) {
		h := refused(t)
		h.server.SetClient(oauthtest.Client{ID: "client", Secret: "wrong"})
		if _, err := h.helper().Test(context.Background(), "demo"); err != nil {
			t.Fatal(err)
		}
		if c := h.mustGet(named); c.Source != "cache" {
			t.Error("the test's token was not kept")
		}
	})
	t.Run("a secret from elsewhere", func(t *testing.T) {
		h := newHome(t, oauthtest.Options{})
		h.profile("demo", plain+"secret = [\"env\", \"DEMO_SECRET\"]\n")
		h.env["DEMO_SECRET"] = "wrong"
		_, err := h.get(named)
		wantError(t, err, protocol.ErrRefused, "token endpoint")
		_, err = h.get(named)
		wantError(t, err, protocol.ErrRefused, "not asked again")
		h.env["DEMO_SECRET"] = "secret"
		h.mustGet(named)
	})
	t.Run("a clock that was turned back", func(t *testing.T) {
		h := refused(t)
		h.wait(-time.Hour)
		_, err := h.get(named)
		wantError(t, err, protocol.ErrRefused, "token endpoint")
	})
}

// TestServerAsksToWait (A11): a Retry-After that does not fit the deadline is kept
// by every process, and counts as unreachable, not as a refusal.
func TestServerAsksToWait(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	if err := h.server.Queue("retry-after-3600"); err != nil {
		t.Fatal(err)
	}
	_, err := h.get(named)
	wantError(t, err, protocol.ErrUnreachable, "429")
	if e := new(protocol.Error); !errors.As(err, &e) || e.RetryAfter != 3600 {
		t.Errorf("worth asking again after %d s", e.RetryAfter)
	}
	for range 3 {
		_, err = h.get(named)
		wantError(t, err, protocol.ErrUnreachable, "asked to wait", "(60 min)", "the earlier reason: 429")
	}
	if n := h.server.Count(); n != 1 {
		t.Errorf("%d token requests", n)
	}
	h.wait(time.Hour + time.Second)
	h.mustGet(named)
}

// TestMarkNeedsNoSecret: that the server refused is known without the secret.
func TestMarkNeedsNoSecret(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	h.store("demo", "wrong")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused)
	h.keyring.fails = context.DeadlineExceeded
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused, "not asked again")
}

// TestTry stores nothing, whatever comes of it.
func TestTry(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	a := h.helper()
	p, err := a.Draft("demo", config.File{ClientID: "client", URL: h.server.URL(), TokenURL: h.server.TokenURL()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = a.Try(context.Background(), p, secret.New("wrong"))
		wantError(t, err, protocol.ErrRefused, "401")
	}
	tested, err := a.Try(context.Background(), p, secret.New("secret"))
	if err != nil || tested.Life < 3590*time.Second {
		t.Errorf("%+v: %v", tested, err)
	}
	if names, _ := a.ProfileNames(); len(names) != 0 || len(h.keyring.items) != 0 {
		t.Errorf("left behind: %v, %d secrets", names, len(h.keyring.items))
	}
	if !strings.Contains(string(p.Text()), "token_url") {
		t.Errorf("the draft does not say where its token comes from:\n%s", p.Text())
	}
}
