package oauth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// fakeClock stands still but for the waits that a client asks for.
type fakeClock struct {
	mu    sync.Mutex // the server reads it, too
	now   time.Time
	waits []time.Duration
}

func (f *fakeClock) Now() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }

func (f *fakeClock) Sleep(_ context.Context, d time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits = append(f.waits, d)
	f.now = f.now.Add(d)
	return nil
}

func retrying(t *testing.T, queue ...string) (*oauth.Client, *oauthtest.Server, *fakeClock) {
	t.Helper()
	clock := &fakeClock{now: time.Now().Truncate(time.Second)}
	server := newServer(t, oauthtest.Options{Now: clock.Now})
	if err := server.Queue(queue...); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, server)
	client.Now, client.Sleep = clock.Now, clock.Sleep
	return client, server, clock
}

// TestRetry (A9, A11): what is asked again, how often, and how
// long the waits are: random above a floor, so that an outage of 2 s passes unseen.
func TestRetry(t *testing.T) {
	pauses := [...]struct{ least, most time.Duration }{
		{100 * time.Millisecond, 200 * time.Millisecond}, {400 * time.Millisecond, 800 * time.Millisecond}, {1500 * time.Millisecond, 2500 * time.Millisecond},
	}
	for _, c := range []struct {
		name  string
		queue []string
		tries int
		named time.Duration // the wait that a server names, instead of ours
		fails string
	}{
		{"good at once", nil, 1, 0, ""},
		{"500, 500, good", []string{"status-500", "status-500"}, 3, 0, ""},
		{"502, good", []string{"status-502"}, 2, 0, ""},
		{"three times 500, and the fourth is good", []string{"status-500", "status-500", "status-500"}, 4, 0, ""},
		{"four times 500, and the fifth would be good", []string{"status-500", "status-500", "status-500", "status-500"}, 4, 0, "500: "},
		{"429 that names a second", []string{"retry-after-1"}, 2, time.Second, ""},
		{"429 that names an hour", []string{"retry-after-3600"}, 1, 0, "429: an empty body"},
		{"408, 504", []string{"status-408", "status-504"}, 3, 0, ""},
		{"a refusal after an outage", []string{"status-503", "error-invalid-client"}, 2, 0, "400 invalid_client"},
		{"reset after the request", []string{"reset-late"}, 2, 0, ""},
		{"closed after the request", []string{"close-late"}, 2, 0, ""},
		{"501", []string{"status-501"}, 1, 0, "501: "},
		{"a page", []string{"html"}, 1, 0, "200: an HTML page"},
		{"a body that breaks off", []string{"content-length-lies-long"}, 2, 0, ""},
		{"garbage", []string{"garbage"}, 1, 0, "not acceptable HTTP"},
		{"a redirect", []string{"redirect-307"}, 1, 0, "a redirect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server, clock := retrying(t, c.queue...)
			token, err := client.Token(t.Context())
			switch {
			case c.fails == "" && err != nil:
				t.Fatal(err)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Fatalf("got %v, want %q", err, c.fails)
			case err == nil && token.Tries != c.tries:
				t.Errorf("says %d tries, want %d", token.Tries, c.tries)
			}
			if server.Count() != c.tries || len(clock.waits) != c.tries-1 {
				t.Fatalf("%d requests and waits %v, want %d", server.Count(), clock.waits, c.tries)
			}
			for i, w := range clock.waits {
				least, most := pauses[i].least, pauses[i].most
				if c.named != 0 {
					least, most = c.named, c.named
				}
				if w < least || w > most {
					t.Errorf("wait %d is %v, not between %v and %v", i, w, least, most)
				}
			}
		})
	}
}

// TestWaitsAreRandom (A11): a thousand clients that fail together do not come
// back together.
func TestWaitsAreRandom(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		client, _, clock := retrying(t, "status-500")
		if _, err := client.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen[clock.waits[0]] = true
	}
	if len(seen) < 15 {
		t.Errorf("only %d different waits of 20", len(seen))
	}
}

// TestResetBeforeSending (A9): nothing was sent, so it may be asked again.
func TestResetBeforeSending(t *testing.T) {
	client, server, _ := retrying(t, "reset-early", "reset-early")
	if _, err := client.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.Connections() != 3 || server.Count() != 1 {
		t.Errorf("%d connections and %d requests, want 3 and 1", server.Connections(), server.Count())
	}
}

// TestNobodyThere (A9): dialling is tried four times, and the reason is ours.
func TestNobodyThere(t *testing.T) {
	for _, c := range []struct{ url, says string }{
		{"http://127.0.0.1:1/token", "no connection: connection refused (http://127.0.0.1:1/token)"},
		{"https://no-such-host.invalid/token", "(https://no-such-host.invalid/token)"},
	} {
		client, _, clock := retrying(t)
		client.TokenURL = c.url
		_, err := client.Token(t.Context())
		var e *oauth.Error
		if !errors.As(err, &e) || e.Kind != oauth.Unreachable || e.Tries != 4 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want four tries and %q", err, c.says)
		}
		if len(clock.waits) != 3 {
			t.Errorf("waits %v", clock.waits)
		}
	}
}

// TestDeadline (A11): no wait and no try beyond the context or the six seconds.
func TestDeadline(t *testing.T) {
	t.Run("a wait that does not fit the context", func(t *testing.T) {
		client, server, clock := retrying(t, "retry-after-3600")
		client.Timeout = 2 * time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		defer cancel()
		_, err := client.Token(ctx)
		var e *oauth.Error
		if !errors.As(err, &e) || e.RetryAfter != time.Hour || e.Hold() != time.Hour {
			t.Errorf("got %v, want an error that asks to wait an hour", err)
		}
		if server.Count() != 1 || len(clock.waits) != 0 {
			t.Errorf("%d requests, waits %v", server.Count(), clock.waits)
		}
	})
	t.Run("a silent server", func(t *testing.T) {
		client, server, _ := retrying(t)
		if err := server.Always("silence"); err != nil {
			t.Fatal(err)
		}
		client.Timeout = 100 * time.Millisecond
		_, err := client.Token(t.Context())
		if err == nil || !strings.Contains(err.Error(), "in time") || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := server.Count(); n > 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestNotRepeatable (A10): a grant that may be used up by asking is asked
// once, but for the two answers that say that nothing was done, and before
// anything was sent.
func TestNotRepeatable(t *testing.T) {
	was := oauth.Grants[0]
	oauth.Grants[0].Repeatable = false
	t.Cleanup(func() { oauth.Grants[0] = was })
	for _, c := range []struct {
		behaviour string
		tries     int
	}{
		{"status-500", 1}, {"status-502", 1}, {"status-504", 1}, {"status-408", 1}, {"reset-late", 1}, {"close-late", 1},
		{"garbage", 1}, {"status-429", 2}, {"status-503", 2},
	} {
		client, _, _ := retrying(t, c.behaviour)
		token, err := client.Token(t.Context())
		var e *oauth.Error
		switch {
		case c.tries == 1 && (!errors.As(err, &e) || e.Tries != 1):
			t.Errorf("%s: got %v, want an error after one request", c.behaviour, err)
		case c.tries == 2 && (err != nil || token.Tries != 2):
			t.Errorf("%s: got %v, want a token from the second request", c.behaviour, err)
		}
	}
	client, _, clock := retrying(t)
	client.TokenURL = "http://127.0.0.1:1/token"
	if _, err := client.Token(t.Context()); err == nil || len(clock.waits) != 3 {
		t.Errorf("got %v after waits %v: dialling uses nothing up", err, clock.waits)
	}
}
