package helper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// unwaited lets no time pass between the tries of a request: by its clock a call ends in
// the moment in which it began, however busy the machine is.
func (h *home) unwaited() { h.sleep = func(context.Context, time.Duration) error { return nil } }

// asks reports whether a call asks the server, which fails.
func (h *home) asks(r protocol.Request) bool {
	h.t.Helper()
	before := h.server.Count()
	if _, err := h.get(r); !errors.Is(err, protocol.ErrUnreachable) {
		h.t.Errorf("%v, want %v", err, protocol.ErrUnreachable)
	}
	return h.server.Count() > before
}

func (h *home) always(behaviour string) {
	h.t.Helper()
	if err := h.server.Always(behaviour); err != nil {
		h.t.Fatal(err)
	}
}

// TestWaitsGrow (A3): a server that says "later" and not when is left alone by all
// processes, for twice as long each time and a minute at most. One token ends that.
func TestWaitsGrow(t *testing.T) {
	for _, behaviour := range []string{"status-429", "status-503"} {
		t.Run(behaviour, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			h.unwaited()
			h.always(behaviour)
			var waits []int
			for last, second := 0, 0; len(waits) < 6; second++ {
				if h.asks(named) {
					waits = append(waits, second-last)
					last = second
				}
				h.wait(time.Second)
			}
			for i, want := range []int{0, 5, 10, 20, 40, 60} {
				if waits[i] > want+1 || waits[i] < want-2 {
					t.Fatalf("asked after %v seconds", waits)
				}
			}
			h.always("")
			h.wait(time.Minute)
			h.mustGet(named)
			h.wait(time.Hour)
			h.always(behaviour)
			if !h.asks(named) {
				t.Error("the wait outlasts a token")
			}
			_, err := h.get(named)
			wantError(t, err, protocol.ErrUnreachable, "profile demo: failed", "not asked again until", behaviour[len("status-"):], "credhelper test demo")
			if h.wait(6 * time.Second); !h.asks(named) {
				t.Error("a token did not end the doubling")
			}
		})
	}
}

// TestWaitsAreBounded (A3): an absurd Retry-After is an hour; what servers send for a
// number is read.
func TestWaitsAreBounded(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"absurd": time.Hour, "far": time.Hour, "zone": time.Hour, "fraction": 90 * time.Second, "list": 2 * time.Minute,
	} {
		t.Run(value, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			if err := h.server.Queue("retry-after-" + value); err != nil {
				t.Fatal(err)
			}
			if !h.asks(named) || h.asks(named) {
				t.Error("the wait is not kept")
			}
			h.wait(want - 10*time.Second)
			if h.asks(named) {
				t.Error("asked too early")
			}
			h.wait(12 * time.Second)
			h.mustGet(named)
		})
	}
}

// TestWaitsStopNoPerson: who asks at once is not kept waiting.
func TestWaitsStopNoPerson(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	for name, ask := range map[string]func() error{
		"test": func() error { _, err := h.helper().Test(context.Background(), "demo"); return err },
		"--refresh": func() error {
			_, err := h.get(protocol.Request{Profile: "demo", Refresh: true})
			return err
		},
		"add": func() error {
			a := h.helper()
			p, err := a.Profile("demo")
			if err == nil {
				_, err = a.Try(context.Background(), p, secret.New("secret"))
			}
			return err
		},
	} {
		if err := h.helper().ClearCache(context.Background(), "demo"); err != nil {
			t.Fatal(err)
		}
		if err := h.server.Queue("retry-after-3600"); err != nil {
			t.Fatal(err)
		}
		if !h.asks(named) || h.asks(named) {
			t.Errorf("%s: there is no wait", name)
		}
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFailureIsShared (A22): twenty processes that want the same token of a server
// that is not well ask as often as one.
func TestFailureIsShared(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, behaviour := range []string{"status-503", "reset-late"} {
		h := ready(t, oauthtest.Options{})
		h.always(behaviour)
		for i, a := range h.together(20, func(int) protocol.Request { return named }) {
			if !errors.Is(a.err, protocol.ErrUnreachable) {
				t.Errorf("%s: caller %d: %v", behaviour, i, a.err)
			}
		}
		if n := h.server.Count(); n > 4 {
			t.Errorf("%s: %d token requests", behaviour, n)
		}
	}
}

// TestAheadIsShort (A23, A-D19): a server that hangs costs who has a good token a
// second, once for all processes, and not each call 6 s.
func TestAheadIsShort(t *testing.T) {
	broken(t, breakages(t)["no answer"], "", func(h *home, w *wire) string {
		w.healthy.Store(true)
		old := h.mustGet(named)
		h.wait(59*time.Minute + 10*time.Second) // inside the margin of a minute
		w.healthy.Store(false)
		var took [10]time.Duration
		for i := range took {
			began := time.Now()
			if c := h.mustGet(named); c.Expires != old.Expires {
				t.Fatal("another token")
			}
			took[i] = time.Since(began)
		}
		if n := w.dialled.Load() - 1; n > 1 {
			t.Errorf("%d token requests", n)
		}
		if took != [10]time.Duration{time.Second} {
			t.Errorf("the calls took %v", took)
		}
		// Whoever needs a token is not kept from asking by a server that was slow.
		w.healthy.Store(true)
		if c := h.mustGet(protocol.Request{Profile: "demo", MinTTL: 300}); c.Expires == old.Expires {
			t.Error("the old token")
		}
		return ""
	})
}
