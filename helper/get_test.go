package helper_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestRoad: the first call sends a request to the server; later calls of any process use
// neither keyring nor network.
func TestRoad(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	first := h.mustGet(named)
	if first.Source != "network" || first.Scheme != "Bearer" || first.Profile != "demo" || first.Origin != h.server.URL() {
		t.Errorf("first answer: %+v", first)
	}
	if left := time.Unix(first.Expires, 0).Sub(h.now()); left < 3590*time.Second || left > 3600*time.Second {
		t.Errorf("expires in %v", left)
	}
	asked := h.keyring.gets
	for _, r := range []protocol.Request{named, {URL: url(t, h.server.URL()+"/rest?q=1")}, {Profile: "demo", URL: url(t, h.server.URL())}} {
		c := h.mustGet(r)
		if c.Source != "cache" || !c.Secret.Equal(first.Secret) || c.Expires != first.Expires {
			t.Errorf("later answer: %+v", c)
		}
	}
	if h.server.Count() != 1 || h.keyring.gets != asked {
		t.Errorf("%d token requests, %d readings of the keyring after the first", h.server.Count(), h.keyring.gets-asked)
	}
}

// TestFrontCanAnswer: what the engine leaves behind is enough for the front, by
// name and by URL: a fresh entry whose stamps are true, and a route.
func TestFrontCanAnswer(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	u := url(t, h.server.URL()+"/rest")
	h.mustGet(protocol.Request{URL: u})
	store := h.front()
	defer store.Close()
	e, err := store.Get(cache.Whole("demo"), nil)
	if err != nil || !e.Current() || !e.Fresh(h.clock(h.now()), 0) {
		t.Fatalf("entry %+v: %v", e, err)
	}
	r, err := store.Route(u.Host())
	if err != nil || len(r.Claims) != 1 || r.Claims[0] != (cache.Claim{Origin: h.server.URL(), Profile: "demo"}) {
		t.Fatalf("route %+v: %v", r, err)
	}

	// A file that was touched makes the front ask the engine, which restamps
	// without asking anybody.
	h.profile("demo", plain+"\nnotes = \"changed\"\n")
	if e.Current() {
		t.Error("the entry did not notice the edit")
	}
	if c := h.mustGet(named); c.Source != "cache" {
		t.Errorf("an edit of the notes cost a token: %+v", c)
	}
	if e, err = store.Get(cache.Whole("demo"), nil); err != nil || !e.Current() {
		t.Errorf("not stamped anew: %v", err)
	}
	// A new file in the folder may claim the origin, so the route is void.
	h.profile("other", plain)
	if _, err := store.Route(u.Host()); err == nil {
		t.Error("the route outlived a new profile")
	}
	_, err = h.get(protocol.Request{URL: u})
	wantError(t, err, protocol.ErrAmbiguous, "demo", "other", h.server.URL())
}

// TestYoungStampsAreNotTrusted: a file that changed within the last tick of the
// clock could change again unseen, so the front is not let near it.
func TestYoungStampsAreNotTrusted(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.wait(-time.Hour) // every file on the disk is younger than 10 ms now
	h.mustGet(protocol.Request{URL: url(t, h.server.URL())})
	store := h.front()
	defer store.Close()
	if e, err := store.Get(cache.Whole("demo"), nil); err != nil || e.Current() {
		t.Errorf("entry is current: %v", err)
	}
	if _, err := store.Route("127.0.0.1"); err == nil {
		t.Error("a route was written")
	}
}

// TestSingleFlight (A22): 200 callers, each with a Helper of its own, empty
// cache, slow server: one request, 200 equal answers.
func TestSingleFlight(t *testing.T) {
	h := ready(t, oauthtest.Options{Delay: 50 * time.Millisecond})
	answers := h.together(200, func(int) protocol.Request { return named })
	for i, a := range answers {
		if a.err != nil || !a.Secret.Equal(answers[0].Secret) {
			t.Fatalf("caller %d: %v", i, a.err)
		}
	}
	if n := h.server.Count(); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

type answer struct {
	protocol.Credential
	err error
}

func (h *home) together(n int, request func(int) protocol.Request) []answer {
	answers := make([]answer, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			a := h.helper()
			r := request(i)
			<-start
			answers[i].Credential, answers[i].err = a.Get(context.Background(), r)
		})
	}
	close(start)
	all.Wait()
	return answers
}

// TestRefusedToken: of 50 processes that report the same refused token exactly
// one causes a request; a late reporter of an old token does no harm.
func TestRefusedToken(t *testing.T) {
	h := ready(t, oauthtest.Options{Delay: 20 * time.Millisecond})
	old := h.mustGet(named)
	h.wait(youth)
	again := protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: old.Secret}}
	for i, a := range h.together(50, func(int) protocol.Request { return again }) {
		if a.err != nil || a.Secret.Equal(old.Secret) {
			t.Fatalf("caller %d: %v", i, a.err)
		}
	}
	if n := h.server.Count(); n != 2 {
		t.Errorf("%d token requests; want 2", n)
	}
	late := h.helper()
	if err := late.Forget(context.Background(), protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: old.Secret}}); err != nil {
		t.Fatal(err)
	}
	now := h.mustGet(named)
	if now.Source != "cache" {
		t.Error("a late report dropped the current token")
	}
	h.wait(youth)
	if err := late.Forget(context.Background(), protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: now.Secret}}); err != nil {
		t.Fatal(err)
	}
	if c := h.mustGet(named); c.Source != "network" {
		t.Error("the refused token was not dropped")
	}
}

// TestRefresh: an explicit refresh asks once for all who want it at once.
func TestRefresh(t *testing.T) {
	h := ready(t, oauthtest.Options{Delay: 50 * time.Millisecond})
	old := h.mustGet(named)
	again := protocol.Request{Profile: "demo", Refresh: true}
	for _, a := range h.together(20, func(int) protocol.Request { return again }) {
		if a.err != nil || a.Secret.Equal(old.Secret) {
			t.Fatalf("%v %v", a.Source, a.err)
		}
	}
	if n := h.server.Count(); n > 3 {
		t.Errorf("%d token requests", n)
	}
}

// TestAnew: who asks for a new token and will not take the old one gets the reason why there is
// none, by its own kind. Others get the old token.
func TestAnew(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	old := h.mustGet(named)
	path := h.dirs.Profiles() + "/demo.toml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.write(path, string(text)+"\n") // as provisioning tools do
	for _, c := range []struct {
		behaviour string
		kind      error
		hint      string
	}{
		{"status-503", protocol.ErrUnreachable, "later"},
		{"error-invalid-client", protocol.ErrRefused, "rotate"},
	} {
		if err := h.server.Always(c.behaviour); err != nil {
			t.Fatal(err)
		}
		_, err := h.get(protocol.Request{Profile: "demo", Refresh: true, Anew: true})
		wantError(t, err, c.kind, "the cached token is still good for", "--or-cached")
		if e := new(protocol.Error); !errors.As(err, &e) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: the hint is %q", c.behaviour, e.Hint)
		}
		if got, err := h.get(protocol.Request{Profile: "demo", Refresh: true}); err != nil || !got.Secret.Equal(old.Secret) {
			t.Errorf("%s: another one gets %s, %v", c.behaviour, got.Source, err)
		}
	}
}

// TestRefreshMargin (A20): near its end a token is replaced by one process, while
// the others go on with it; at its end nobody gets it.
func TestRefreshMargin(t *testing.T) {
	h := ready(t, oauthtest.Options{Lifetime: time.Hour, Delay: 100 * time.Millisecond})
	old := h.mustGet(named)
	h.wait(58 * time.Minute) // wherever in the margin it is due
	fetched := 0
	for _, a := range h.together(20, func(int) protocol.Request { return named }) {
		if a.err != nil {
			t.Fatal(a.err)
		}
		if a.Source == "network" {
			fetched++
		}
	}
	if fetched != 1 || h.server.Count() != 2 {
		t.Errorf("%d of 20 fetched, %d requests", fetched, h.server.Count())
	}
	if c := h.mustGet(named); c.Secret.Equal(old.Secret) {
		t.Error("the old token is still answered")
	}
}

// TestStaleIfError (A23): while the server is down, a token that is still good is
// answered with a warning; one that is not, is not.
func TestStaleIfError(t *testing.T) {
	t.Parallel() // mostly waiting
	h := ready(t, oauthtest.Options{Lifetime: time.Hour})
	old := h.mustGet(named)
	if err := h.server.Always("status-500"); err != nil {
		t.Fatal(err)
	}
	h.wait(58 * time.Minute)
	c := h.mustGet(named)
	if !c.Secret.Equal(old.Secret) || c.Source != "cache" || len(h.warnings) != 1 {
		t.Errorf("answer %+v, warnings %q", c, h.warnings)
	}
	if h.mustGet(named); len(h.warnings) != 1 {
		t.Errorf("said again: %q", h.warnings)
	}
	h.wait(10 * time.Second)
	_, err := h.get(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: old.Secret}})
	wantError(t, err, protocol.ErrUnreachable, "profile demo: token endpoint: 500")
	h.wait(3 * time.Minute)
	_, err = h.get(named)
	wantError(t, err, protocol.ErrUnreachable, "500")
}

// TestMinTTL: a tool or the profile may want a token that lives longer; never
// more than the server gives, or each call would be a fetch.
func TestMinTTL(t *testing.T) {
	h := ready(t, oauthtest.Options{Lifetime: 10 * time.Minute})
	h.mustGet(named)
	long := protocol.Request{Profile: "demo", MinTTL: 480}
	if c := h.mustGet(long); c.Source != "cache" {
		t.Error("480 of 600 s: asked again")
	}
	h.wait(3 * time.Minute)
	if c := h.mustGet(named); c.Source != "cache" {
		t.Error("without a wish: asked again")
	}
	if c := h.mustGet(long); c.Source != "network" {
		t.Error("480 of 420 s: answered from the cache")
	}
	for range 3 {
		if c := h.mustGet(protocol.Request{Profile: "demo", MinTTL: 86400}); c.Source != "cache" {
			t.Error("more than the server ever gives: asked again")
		}
	}
	h.profile("demo", plain+"min_ttl = \"5m\"\n")
	h.mustGet(named)
	h.wait(6 * time.Minute)
	if c := h.mustGet(named); c.Source != "network" {
		t.Error("min_ttl of the profile: answered from the cache")
	}
}

// TestClock (A21): a clock that was turned back, or on, makes a token worthless,
// never eternal.
func TestClock(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"a minute back": -time.Minute,
		"a year back":   -365 * 24 * time.Hour,
		"a year on":     365 * 24 * time.Hour,
		"to 2106":       80 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			h.mustGet(named)
			h.jump(jump)
			if c := h.mustGet(named); c.Source != "network" {
				t.Error("answered from the cache")
			}
		})
	}
}

// TestBusy: somebody holds the lock: a token that is good is answered, otherwise
// the wait ends in time, without a fetch.
func TestBusy(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	store, err := cache.Create(h.dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lock, err := store.Lock(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	h.profile("demo", plain+"timeout = \"5m\"\n")
	began := time.Now()
	_, err = h.get(protocol.Request{Profile: "demo", Timeout: 1})
	wantError(t, err, protocol.ErrBusy, "profile demo: another process")
	if took := time.Since(began); took > time.Minute || h.server.Count() != 0 { // the profile alone would have it wait 5 minutes
		t.Errorf("took %v, %d requests", took, h.server.Count())
	}
}

// TestKeyringTrouble (F7, F9, S4): a keyring that is locked, gone, silent or
// empty is an exit code of its own, in time, with the command to type.
func TestKeyringTrouble(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, c := range []struct {
		name  string
		spoil func(*memory)
		kind  error
		parts []string
	}{
		{"locked", func(m *memory) { m.fails = keyring.ErrUnlock }, protocol.ErrLocked, []string{"credhelper unlock"}},
		{"unavailable", func(m *memory) { m.fails = keyring.ErrUnavailable }, protocol.ErrLocked, []string{"credhelper doctor"}},
		{"unsafe", func(m *memory) { m.fails = keyring.ErrUnsafe }, protocol.ErrPolicy, nil},
		{"silent", func(m *memory) { m.slow = time.Minute }, protocol.ErrLocked, []string{"did not answer within 3s"}},
		{"empty", func(m *memory) { clear(m.items) }, protocol.ErrNoSecret, []string{"no secret is stored", "credhelper rotate demo"}},
		{"foreign", func(m *memory) {
			for k := range m.items {
				m.items[k] = secret.New(canary)
			}
		}, protocol.ErrPolicy, []string{"not written by credhelper", "nothing was deleted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := ready(t, oauthtest.Options{})
			c.spoil(h.keyring)
			_, err := h.get(named)
			wantError(t, err, c.kind, append(c.parts, "profile demo")...)
			if n := h.server.Count(); n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestNoKeyringChosen (S2): nothing falls through to some other place.
func TestNoKeyringChosen(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain)
	h.write(h.dirs.Settings(), "")
	_, err := h.get(named)
	wantError(t, err, protocol.ErrLocked, "no keyring has been chosen", "credhelper keyring use")
}
