package helper_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// youth is after how long a token that a tool saw refused is taken for dead.
const youth = 60 * time.Second

// current reports whichever token is the profile's.
var current = protocol.Request{Profile: "demo", Refused: protocol.Refusal{Current: true}}

// forget reports as one process would.
func (h *home) forget(r protocol.Request) {
	h.t.Helper()
	r.Verb = protocol.Forget
	if err := h.helper().Forget(context.Background(), r); err != nil {
		h.t.Error(err)
	}
}

// blocked asks, and wants to hear that the API refuses good tokens.
func (h *home) blocked(r protocol.Request) *protocol.Error {
	h.t.Helper()
	_, err := h.get(r)
	wantError(h.t, err, protocol.ErrRefused, "profile demo: http://127.0.0.1", "refuses good tokens", "reported as refused", "credhelper test demo")
	var e *protocol.Error
	errors.As(err, &e)
	return e
}

// TestRefusedInVain (A1, A2): whatever tools report about good tokens that an API
// refuses, and however they do it, a profile costs one token request a minute. The
// second report brings the reason in the place of a token, for 5 s.
func TestRefusedInVain(t *testing.T) {
	for name, report := range map[string]func(h *home, c protocol.Credential){
		"the token": func(h *home, c protocol.Credential) {
			h.forget(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: c.Secret}})
		},
		"whichever it is": func(h *home, _ protocol.Credential) { h.forget(current) },
		"with the next question": func(h *home, c protocol.Credential) {
			_, _ = h.get(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: c.Secret}})
		},
		"by its mark": func(h *home, c protocol.Credential) {
			_, _ = h.get(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Mark: protocol.Mark(c.Secret)}})
		},
		"without a mark": func(h *home, _ protocol.Credential) {
			_, _ = h.get(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Current: true}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			first := h.mustGet(named)
			for range 20 {
				report(h, first)
			}
			h.blocked(named)
			h.wait(5 * time.Second)
			if c := h.mustGet(named); !c.Secret.Equal(first.Secret) {
				t.Error("after 5 s it is another token")
			}
			h.wait(40 * time.Second)
			report(h, first)
			if n := h.server.Count(); n != 1 {
				t.Errorf("%d token requests in a minute", n)
			}
			h.wait(16 * time.Second)
			report(h, first)
			if c := h.mustGet(named); c.Secret.Equal(first.Secret) || h.server.Count() != 2 {
				t.Errorf("after a minute: the same token %v, %d token requests", c.Secret.Equal(first.Secret), h.server.Count())
			}
		})
	}
}

// TestRefusedOnce: one report about a new token is no reason to keep it from anybody.
func TestRefusedOnce(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	first := h.mustGet(named)
	c := h.mustGet(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: first.Secret}})
	if !c.Secret.Equal(first.Secret) || h.server.Count() != 1 {
		t.Errorf("another token; %d token requests", h.server.Count())
	}
	if e := h.blocked(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: first.Secret}}); !e.Quit || e.RetryAfter < 1 || e.RetryAfter > 5 {
		t.Errorf("%+v", e)
	}
}

// TestRefusedByOneOrigin: what one origin of a profile refuses is no matter of the
// others.
func TestRefusedByOneOrigin(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.profile("demo", plain+`origins = ["{server}/good/", "{server}/bad/"]`+"\n")
	h.store("demo", "secret")
	good := protocol.Request{URL: url(t, h.server.URL()+"/good/")}
	bad := protocol.Request{URL: url(t, h.server.URL()+"/bad/")}
	for range 20 { // in less than a minute, on any machine
		if c, err := h.get(bad); err == nil {
			bad.Refused.Token = c.Secret
		}
		h.mustGet(good)
	}
	h.blocked(bad)
	if n := h.server.Count(); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

// TestRejectionEnds: what lifts it, and that the program is as before afterwards.
func TestRejectionEnds(t *testing.T) {
	for name, lift := range map[string]func(*home, *helper.Helper, protocol.Credential) error{
		"--refresh": func(h *home, a *helper.Helper, _ protocol.Credential) error {
			_, err := a.Get(context.Background(), protocol.Request{Profile: "demo", Refresh: true})
			return err
		},
		"test": func(h *home, a *helper.Helper, _ protocol.Credential) error {
			_, err := a.Test(context.Background(), "demo")
			return err
		},
		"cache clear": func(h *home, a *helper.Helper, _ protocol.Credential) error {
			return a.ClearCache(context.Background(), "demo")
		},
		"cache clear of all": func(h *home, a *helper.Helper, _ protocol.Credential) error {
			return a.ClearCache(context.Background(), "")
		},
		"another secret": func(h *home, a *helper.Helper, _ protocol.Credential) error {
			h.store("demo", "secret")
			return nil
		},
		"another scope": func(h *home, a *helper.Helper, _ protocol.Credential) error {
			h.profile("demo", plain+"scopes = [\"read\"]\n")
			return nil
		},
		"the token was taken": func(h *home, a *helper.Helper, c protocol.Credential) error {
			return a.Accepted(context.Background(), protocol.Request{Verb: protocol.Accepted, Profile: "demo", Offered: c.Secret})
		},
		"the token was stored": func(h *home, a *helper.Helper, c protocol.Credential) error {
			_, err := a.Get(context.Background(), protocol.Request{Profile: "demo", Offered: c.Secret})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			c := h.mustGet(named)
			for range 3 {
				h.forget(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: c.Secret}})
			}
			h.blocked(named)
			if err := lift(h, h.helper(), c); err != nil {
				t.Fatal(err)
			}
			h.mustGet(named)
			if _, ok := h.helper().Cached(named); !ok {
				t.Error("the front would not answer")
			}
		})
	}
	t.Run("another token was taken", func(t *testing.T) {
		h := ready(t, oauthtest.Options{})
		h.mustGet(named)
		h.forget(current)
		h.forget(current)
		other := protocol.Request{Profile: "demo", Offered: protocol.Request{}.Refused.Token}
		_ = h.helper().Accepted(context.Background(), other)
		h.blocked(named)
	})
}

// TestRejectionIsSeenByTheFront: the sealed entry itself says that the front may not
// answer, and afterwards that it may again.
func TestRejectionIsSeenByTheFront(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	c := h.mustGet(named)
	h.forget(current)
	if _, ok := h.helper().Cached(named); !ok {
		t.Error("after one report the front does not answer")
	}
	h.forget(current)
	if _, ok := h.helper().Cached(named); ok {
		t.Error("the front would give a token that the API refuses")
	}
	h.wait(5 * time.Second)
	if got := h.mustGet(named); !got.Secret.Equal(c.Secret) {
		t.Error("another token")
	}
	if _, ok := h.helper().Cached(named); !ok {
		t.Error("5 s later the front does not answer")
	}
}

// TestRefusedUncached: where no token can be cached each call fetches one, but the
// tool that goes round is told to stop all the same.
func TestRefusedUncached(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	origins := "\"{server}\""
	for i := range 40 { // more than an entry holds
		origins += fmt.Sprintf(", \"https://api.test/%02d%s\"", i, strings.Repeat("x", 1500))
	}
	h.profile("demo", plain+"origins = ["+origins+"]\n")
	h.store("demo", "secret")
	for range 2 {
		c := h.mustGet(named)
		if len(h.warnings) == 0 {
			t.Fatal("it was cached")
		}
		h.forget(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: c.Secret}})
	}
	h.blocked(named)
	if n := h.server.Count(); n != 2 {
		t.Errorf("%d token requests", n)
	}
	h.wait(5 * time.Second)
	h.mustGet(named)
}

// TestRefusedByMany: a thousand goroutines that see a new token refused at the same
// time neither fetch nor wait for one another for long.
func TestRefusedByMany(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	a := h.lasting()
	c, err := a.Get(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range crowd(a, 1000, protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: c.Secret}}) {
		if got.err != nil && !errors.Is(got.err, protocol.ErrRefused) {
			t.Fatalf("caller %d: %v", i, got.err)
		}
	}
	if n := h.server.Count(); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

// TestLogout: a tool's logout names no token and says nothing of the API: docker's erases
// four names at once. It drops a token that is older than a minute, and in the first
// minute nothing is counted, and nobody is refused.
func TestLogout(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	first := h.mustGet(named)
	for range 4 {
		h.forget(named)
	}
	if c := h.mustGet(named); !c.Secret.Equal(first.Secret) || h.server.Count() != 1 {
		t.Errorf("in the first minute: the same token %v, %d token requests", c.Secret.Equal(first.Secret), h.server.Count())
	}
	h.wait(youth + time.Second)
	h.forget(named)
	if c := h.mustGet(named); c.Secret.Equal(first.Secret) || h.server.Count() != 2 {
		t.Errorf("after a minute: the same token %v, %d token requests", c.Secret.Equal(first.Secret), h.server.Count())
	}
}

// TestForgottenByAsker: what a process forgets that was given the token was refused:
// docker's protocol has no other words. It hears why, as everybody who goes round; a
// logout, which is another process or another name of the registry, is no report.
func TestForgottenByAsker(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	ask := func(asker string) (protocol.Credential, error) {
		r := protocol.Request{Profile: "demo", Asker: asker}
		c, err := h.get(r)
		if err == nil {
			h.helper().Given(r, c)
		}
		return c, err
	}
	erase := func(asker string) { h.forget(protocol.Request{Profile: "demo", Asker: asker}) }
	first, err := ask("pull 1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 { // for image in ...; do docker pull; docker logout; done
		for _, name := range []string{"", "http://", "https://", "https:///v1/"} {
			erase(fmt.Sprint("logout ", i, name))
		}
		if c, err := ask(fmt.Sprint("pull ", i)); err != nil || !c.Secret.Equal(first.Secret) {
			t.Fatalf("after a logout: %v", err)
		}
	}
	erase("pull 1")
	if _, err := ask("pull 1"); err != nil {
		t.Errorf("after one report: %v", err)
	}
	erase("pull 1")
	h.blocked(protocol.Request{Profile: "demo", Asker: "pull 1"})
	h.wait(5 * time.Second)
	if c, err := ask("pull 2"); err != nil || !c.Secret.Equal(first.Secret) || h.server.Count() != 1 {
		t.Errorf("5 s later: %v, %d token requests", err, h.server.Count())
	}
	h.wait(youth)
	erase("pull 2")
	if c, err := ask("pull 2"); err != nil || c.Secret.Equal(first.Secret) || h.server.Count() != 2 {
		t.Errorf("after a minute: %v, %d token requests", err, h.server.Count())
	}
}
