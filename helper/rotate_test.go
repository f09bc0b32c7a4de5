package helper_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// rotate stores a secret as one process would, and reports whether an unconfirmed one
// went.
func (h *home) rotate(value string) (replaced bool) {
	h.t.Helper()
	a := h.helper()
	rotated, err := a.Rotate(h.t.Context(), h.demo(), secret.New(value), time.Time{}, helper.TestResult{})
	if err != nil {
		h.t.Fatal(err)
	}
	return rotated.Replaced
}

func (h *home) demo() *config.Profile {
	h.t.Helper()
	p, err := h.helper().Profile("demo")
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// inUse is the secret that the next request shows the server.
func (h *home) inUse() string {
	h.t.Helper()
	_, _ = h.helper().Test(h.t.Context(), "demo") // whatever the server says to it
	return shown(h.t, h.server)
}

// shown is the secret of the last request.
func shown(t testing.TB, s *oauthtest.Server) string {
	t.Helper()
	all := s.Requests()
	if len(all) == 0 {
		t.Fatal("nobody asked the server")
	}
	basic, _ := strings.CutPrefix(all[len(all)-1].Header.Get("Authorization"), "Basic ")
	pair, err := base64.StdEncoding.DecodeString(basic)
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(pair), ":")
	return value
}

// TestRollbackGoesToTheConfirmed: however often a secret is rotated, rollback goes
// back to the last one that worked everywhere, and there and back again.
func TestRollbackGoesToTheConfirmed(t *testing.T) {
	const back, confirm = "rollback", "confirm"
	for _, c := range []struct {
		name     string
		steps    []string // secrets stored, or what is done
		replaced string   // which of the stores replaced an unconfirmed one
		inUse    string
		earlier  string // what a rollback takes into use
	}{
		{"the first", []string{"a"}, "", "a", ""},
		{"a second", []string{"a", "b"}, "", "b", "a"},
		{"rotated twice", []string{"a", "b", "c"}, "c", "c", "a"},
		{"thrice", []string{"a", "b", "c", "d"}, "cd", "d", "a"},
		{"confirmed between", []string{"a", "b", confirm, "c"}, "", "c", "b"},
		{"back", []string{"a", "b", back}, "", "a", "b"},
		{"there and back", []string{"a", "b", back, back}, "", "b", "a"},
		{"back, then another", []string{"a", "b", back, "c"}, "c", "c", "a"},
		{"there and back, then another", []string{"a", "b", back, back, "c"}, "c", "c", "a"},
		{"back and confirmed", []string{"a", "b", back, confirm, "c"}, "", "c", "a"},
		{"the same again", []string{"a", "b", "b"}, "", "b", "a"},
		{"the confirmed again", []string{"a", "b", "a"}, "", "a", "b"},
		{"the confirmed again, then another", []string{"a", "b", "a", "c"}, "c", "c", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t, oauthtest.Options{})
			h.profile("demo", plain)
			replaced := ""
			for _, step := range c.steps {
				switch step {
				case back:
					if err := h.helper().RollbackSecret(t.Context(), h.demo()); err != nil {
						t.Fatal(err)
					}
				case confirm:
					if _, err := h.helper().ConfirmSecret(t.Context(), h.demo()); err != nil {
						t.Fatal(err)
					}
				default:
					if h.rotate(step) {
						replaced += step
					}
				}
			}
			if got := h.inUse(); got != c.inUse || replaced != c.replaced {
				t.Errorf("in use %s, want %s; replaced %q, want %q", got, c.inUse, replaced, c.replaced)
			}
			if c.earlier == "" {
				wantError(t, h.helper().RollbackSecret(t.Context(), h.demo()), protocol.ErrNoSecret)
				return
			}
			// Trying it changes nothing.
			_, err := h.helper().TryEarlier(t.Context(), h.demo())
			wantError(t, err, protocol.ErrRefused)
			if got := shown(t, h.server); got != c.earlier {
				t.Errorf("tried %s, want %s", got, c.earlier)
			}
			if got := h.inUse(); got != c.inUse {
				t.Errorf("trying took %s into use", got)
			}
			if err := h.helper().RollbackSecret(t.Context(), h.demo()); err != nil {
				t.Fatal(err)
			}
			if got := h.inUse(); got != c.earlier {
				t.Errorf("back to %s, want %s", got, c.earlier)
			}
		})
	}
}

// TestRotateTogether: many who rotate at once leave one of their secrets, and the
// one that worked before them to go back to.
func TestRotateTogether(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.keyring.slow = 2 * time.Millisecond // between reading and writing
	p := h.demo()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := h.helper().StoreSecret(t.Context(), p, secret.New(fmt.Sprint("new", i)), time.Time{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := h.inUse(); !strings.HasPrefix(got, "new") {
		t.Errorf("in use: %s", got)
	}
	if err := h.helper().RollbackSecret(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := h.inUse(); got != "secret" {
		t.Errorf("the one that worked is lost: %s", got)
	}
}

// TestRotateUnderARunningProgram: a program that runs long never shows a secret
// that is being verified, takes the new one over without a restart, and its token
// of the old one counts for nothing from then on (T16).
func TestRotateUnderARunningProgram(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	running := h.lasting()
	ctx := t.Context()
	old, err := running.Get(ctx, named)
	if err != nil {
		t.Fatal(err)
	}
	// The server already takes both, as it does when secrets overlap.
	other := h.helper()
	h.server.SetDelay(150 * time.Millisecond)
	var tested helper.TestResult
	var verifying sync.WaitGroup
	verifying.Go(func() {
		tested, err = other.Try(ctx, h.demo(), secret.New("n3w"))
	})
	if _, err := running.Get(ctx, protocol.Request{Profile: "demo", Refresh: true}); err != nil {
		t.Error(err)
	}
	verifying.Wait()
	wantError(t, err, protocol.ErrRefused) // not yet made at the server
	h.server.SetDelay(0)
	if c, err := running.Get(ctx, named); err != nil || c.Source != "cache" {
		t.Errorf("the refusal of another secret reached the one in use: %s %v", c.Source, err)
	}
	h.server.SetClient(oauthtest.Client{ID: "client", Secret: "n3w"})
	if tested, err = other.Try(ctx, h.demo(), secret.New("n3w")); err != nil {
		t.Fatal(err)
	}
	before := h.server.Count()
	if _, err := other.Rotate(ctx, h.demo(), secret.New("n3w"), time.Time{}, tested); err != nil {
		t.Fatal(err)
	}
	time.Sleep(moment)
	c, err := running.Get(ctx, named)
	if err != nil || c.Secret.Equal(old.Secret) || c.Source != "cache" {
		t.Errorf("after the rotation: %v, from %s", err, c.Source)
	}
	if n := h.server.Count() - before; n != 0 {
		t.Errorf("%d requests: the token of the verification was not kept", n)
	}
	if _, err := running.Get(ctx, protocol.Request{Profile: "demo", Refresh: true}); err != nil || shown(t, h.server) != "n3w" {
		t.Errorf("the running program shows %s: %v", shown(t, h.server), err)
	}
}

// TestFetchAcrossARotation: a fetch that began with the old secret ends before the
// new one is stored, so that its token is not cached after it.
func TestFetchAcrossARotation(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.server.SetDelay(200 * time.Millisecond)
	running := h.lasting()
	var fetching sync.WaitGroup
	var old protocol.Credential
	fetching.Go(func() { old, _ = running.Get(t.Context(), named) })
	for h.server.Count() == 0 {
		time.Sleep(time.Millisecond)
	}
	h.rotate("n3w")
	fetching.Wait()
	if old.Secret.IsZero() {
		t.Fatal("the fetch under way failed")
	}
	h.server.SetDelay(0)
	h.server.SetClient(oauthtest.Client{ID: "client", Secret: "n3w"})
	if c := h.mustGet(named); c.Source != "network" || shown(t, h.server) != "n3w" {
		t.Errorf("from %s, with secret %s", c.Source, shown(t, h.server))
	}
}

// TestInvalidatedAtOnce (A12): where the server ended the old secret before anybody
// stored the new one, a running program is refused and holds back; with the new one
// in the keyring it goes on at once, even if the mark of the refusal is still
// there.
func TestInvalidatedAtOnce(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	running := h.lasting()
	if _, err := running.Get(t.Context(), named); err != nil {
		t.Fatal(err)
	}
	h.server.SetClient(oauthtest.Client{ID: "client", Secret: "n3w"})
	h.wait(2 * time.Hour)
	for _, part := range []string{"token endpoint: 401 invalid_client", "not asked again"} {
		_, err := running.Get(t.Context(), named)
		wantError(t, err, protocol.ErrRefused, part)
	}
	path := h.dirs.Run() + "/m-" + cache.ProfileKey("demo").String()
	mark, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.rotate("n3w")
	if err := os.WriteFile(path, mark, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := running.Get(t.Context(), named); err != nil || c.Source != "network" {
		t.Errorf("%s: %v", c.Source, err)
	}
}

// TestRotateIsRefusedWhole: what cannot be done changes nothing: a keyring that does
// not answer, a neighbour that holds the lock.
func TestRotateIsRefusedWhole(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	p := h.demo()
	h.keyring.setFails = context.DeadlineExceeded
	if err := h.helper().StoreSecret(t.Context(), p, secret.New("n3w"), time.Time{}); err == nil {
		t.Error("stored in a keyring that takes nothing")
	}
	h.keyring.setFails = nil
	store := h.front()
	defer store.Close()
	lock, err := store.TryLock("demo")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, h.helper().StoreSecret(ctx, p, secret.New("n3w"), time.Time{}), protocol.ErrBusy, "profile demo")
	lock.Unlock()
	if c := h.mustGet(named); c.Source != "cache" {
		t.Error("the token was dropped though nothing changed")
	}
	if got := h.inUse(); got != "secret" {
		t.Errorf("in use: %s", got)
	}
}
