package helper_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// lasting is a helper in a program that runs long: each call has its own 8 s.
func (h *home) lasting() *helper.Helper {
	own := h.config()
	own.Start, own.RunsLong = time.Time{}, true
	return helper.New(own)
}

// moment is longer than an answer in memory is trusted.
const moment = 110 * time.Millisecond

// TestCached: what is in memory answers without a look at the disk for 100 ms, and
// not a moment longer.
func TestCached(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	a := h.lasting()
	if _, ok := a.Cached(named); ok {
		t.Fatal("an answer out of nothing")
	}
	byURL := protocol.Request{URL: url(t, h.server.URL()+"/x")}
	want, err := a.Get(context.Background(), byURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []protocol.Request{named, byURL, {Profile: "demo", URL: byURL.URL}} {
		if got, ok := a.Cached(r); !ok || !got.Secret.Equal(want.Secret) || got.Source != "cache" || got.Origin != want.Origin || got.Expires != want.Expires {
			t.Errorf("%v: %v, source %s, origin %s", r, ok, got.Source, got.Origin)
		}
	}
	for name, r := range map[string]protocol.Request{
		"refresh":             {Profile: "demo", Refresh: true},
		"refused":             {Profile: "demo", Refused: protocol.Refusal{Token: want.Secret}},
		"refused by its mark": {Profile: "demo", Refused: protocol.Refusal{Mark: protocol.Mark(want.Secret)}},
		"more life wanted":    {Profile: "demo", MinTTL: 24 * 3600},
		"another's URL":       {Profile: "demo", URL: url(t, "https://evil.test/")},
		"nobody's URL":        {URL: url(t, "https://evil.test/")},
		"no profile":          {Profile: "none"},
		"nothing":             {},
	} {
		if _, ok := a.Cached(r); ok {
			t.Errorf("%s: answered", name)
		}
	}
	if err := os.RemoveAll(h.dirs.Run()); err != nil {
		t.Fatal(err)
	}
	b := h.lasting()
	if _, ok := b.Cached(named); ok {
		t.Error("another process answers from this one's memory")
	}
	h.wait(moment)
	if _, ok := a.Cached(named); ok {
		t.Error("answered from memory after its time")
	}
}

// TestCachedClock (A21): a wall clock that goes back or leaps ends what is in
// memory, and no token outlives its end in there.
func TestCachedClock(t *testing.T) {
	h := ready(t, oauthtest.Options{Lifetime: 10 * time.Minute})
	a := h.lasting()
	for _, jump := range []time.Duration{-time.Hour, time.Hour} {
		if _, err := a.Get(context.Background(), named); err != nil {
			t.Fatal(err)
		}
		h.jump(jump)
		if _, ok := a.Cached(named); ok {
			t.Errorf("the clock went %v: answered from memory", jump)
		}
		h.jump(-jump)
	}
}

// TestTakenOver: a program that runs long goes on with the new secret, a moment
// after another process rotated it, and needs no restart.
func TestTakenOver(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	a := h.lasting()
	old, err := a.Get(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	h.server.SetClient(oauthtest.Client{ID: "client", Secret: "another"})
	h.store("demo", "another")
	h.wait(moment)
	fresh, err := a.Get(context.Background(), named)
	if err != nil || fresh.Secret.Equal(old.Secret) || fresh.Source != "network" {
		t.Errorf("%v, source %s", err, fresh.Source)
	}
}

// TestRefusedElsewhere: a program reports a token that another process has replaced
// already, and asks again without naming it: it does not get the refused one out of
// its memory.
func TestRefusedElsewhere(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	a, b := h.lasting(), h.lasting()
	old, err := a.Get(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Cached(named); !ok { // it is in memory now
		t.Fatal("not cached")
	}
	h.wait(youth)
	report := protocol.Request{Verb: protocol.Forget, Profile: "demo", Refused: protocol.Refusal{Token: old.Secret}}
	if err := b.Forget(context.Background(), report); err != nil {
		t.Fatal(err)
	}
	fresh, err := b.Get(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Forget(context.Background(), report); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Get(context.Background(), named); err != nil || !got.Secret.Equal(fresh.Secret) {
		t.Errorf("%v, the refused token once more: %v", err, got.Secret.Equal(old.Secret))
	}
}

// TestRefusedElsewhereAsked is the same for who reports it with the next question.
func TestRefusedElsewhereAsked(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	a := h.lasting()
	old, err := a.Get(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Cached(named); !ok { // it is in memory now
		t.Fatal("not cached")
	}
	fresh := h.mustGet(protocol.Request{Profile: "demo", Refresh: true}) // another process
	for _, r := range []protocol.Request{{Profile: "demo", Refused: protocol.Refusal{Token: old.Secret}}, named} {
		if got, err := a.Get(context.Background(), r); err != nil || !got.Secret.Equal(fresh.Secret) {
			t.Errorf("%v, the refused token once more: %v", err, got.Secret.Equal(old.Secret))
		}
	}
}

// TestLockedMeanwhile: credhelper lock, and the end of an unlock, count for programs
// that run long as well: none holds the keyring open.
func TestLockedMeanwhile(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	own := h.config()
	own.Start, own.RunsLong = time.Time{}, true
	opened := 0
	own.Keyring = func(context.Context, config.Settings) (keyring.Keyring, error) {
		if opened++; opened > 1 {
			return nil, keyring.ErrLocked
		}
		return h.keyring, nil
	}
	a := helper.New(own)
	c, err := a.Get(context.Background(), named)
	if err != nil {
		t.Fatal(err)
	}
	h.wait(youth)
	_, err = a.Get(context.Background(), protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: c.Secret}})
	wantError(t, err, protocol.ErrLocked, "profile demo")
}

// TestAuditSeesMemory: with audit = "all" each answer from memory is a line of the log, too;
// a mere look is none.
func TestAuditSeesMemory(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\n")
	a := h.lasting()
	for range 5 {
		if _, err := a.Get(context.Background(), named); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := a.Cached(named); !ok {
		t.Error("not answered from memory")
	}
	hits := 0
	if err := logread.All(h.dirs.Log(), func(r logfile.Record) bool {
		if r.Event == "hit" {
			hits++
		}
		return true
	}); err != nil || hits != 5 {
		t.Errorf("%d hits in the log, %v; want 5", hits, err)
	}
}

// TestRefreshOn: a status that may mean a dead token counts once the token is a
// minute old, and an API that answers 404 to good requests causes one token request
// a minute at most.
func TestRefreshOn(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("demo", plain+"refresh_on = [404, 403, 404]\n")
	h.store("demo", "secret")
	a := h.lasting()
	first, err := a.Get(context.Background(), named)
	if err != nil || first.RefreshOn != nil || first.RefreshesOn(404) || !first.RefreshesOn(401) {
		t.Fatalf("%v, a young token is doubted by %v", err, first.RefreshOn)
	}
	h.wait(61 * time.Second)
	for _, get := range []func(protocol.Request) (protocol.Credential, error){
		h.get, func(r protocol.Request) (protocol.Credential, error) { return a.Get(context.Background(), r) },
	} {
		c, err := get(named)
		if err != nil || !slices.Equal(c.RefreshOn, []int{403, 404}) || !c.RefreshesOn(404) || c.RefreshesOn(400) {
			t.Errorf("%v, an old token is doubted by %v", err, c.RefreshOn)
		}
	}
	again, err := a.Get(context.Background(), protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: first.Secret}})
	if err != nil || again.Secret.Equal(first.Secret) || again.RefreshesOn(404) {
		t.Errorf("%v, doubted by %v", err, again.RefreshOn)
	}
	h.profile("odd", plain+"refresh_on = [500]\n")
	_, err = h.get(protocol.Request{Profile: "odd"})
	wantError(t, err, protocol.ErrPolicy, "refresh_on", "500")
}

// crowd asks with one helper from many goroutines at once.
func crowd(a *helper.Helper, n int, r protocol.Request) []answer {
	answers := make([]answer, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			answers[i].Credential, answers[i].err = a.Get(context.Background(), r)
		})
	}
	close(start)
	all.Wait()
	return answers
}

// TestCrowd (A22): a thousand goroutines of one program cause one token request,
// also where nothing can be stored, and when they all report the same refused token.
func TestCrowd(t *testing.T) {
	h := ready(t, oauthtest.Options{Delay: 50 * time.Millisecond})
	a := h.lasting()
	r := named
	for round := 1; round <= 2; round++ {
		answers := crowd(a, 1000, r)
		for i, got := range answers {
			if got.err != nil || !got.Secret.Equal(answers[0].Secret) {
				t.Fatalf("round %d, caller %d: %v", round, i, got.err)
			}
		}
		if n := h.server.Count(); n != round {
			t.Errorf("round %d: %d token requests", round, n)
		}
		r.Refused.Token = answers[0].Secret
		h.wait(youth)
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := a.Forget(context.Background(), protocol.Request{Profile: "demo", Refused: r.Refused}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := h.server.Count(); n != 2 {
		t.Errorf("after late reports: %d token requests", n)
	}
}

// TestCrowdFails: a thousand goroutines share one failure; the server is not asked
// by each in turn.
func TestCrowdFails(t *testing.T) {
	h := ready(t, oauthtest.Options{Delay: 50 * time.Millisecond})
	if err := h.server.Always("status-503"); err != nil {
		t.Fatal(err)
	}
	for i, got := range crowd(h.lasting(), 1000, named) {
		if !errors.Is(got.err, protocol.ErrUnreachable) {
			t.Fatalf("caller %d: %v", i, got.err)
		}
	}
	if n := h.server.Count(); n > 30 { // three for each flight, and not all goroutines begin at once
		t.Errorf("%d token requests for one failure", n)
	}
}

// TestAhead: a program that runs long is answered at once while the next token is
// fetched behind the answer, and asks a server that is down now and then, not each
// time (A23).
func TestAhead(t *testing.T) {
	broken(t, breakages(t)["no answer"], "", func(h *home, w *wire) string {
		w.healthy.Store(true)
		a := h.lasting()
		old, err := a.Get(context.Background(), named)
		if err != nil {
			t.Fatal(err)
		}
		h.wait(59*time.Minute + 10*time.Second) // inside the margin of a minute
		w.healthy.Store(false)
		for range 20 {
			began := time.Now()
			got, err := a.Get(context.Background(), named)
			if took := time.Since(began); err != nil || got.Expires != old.Expires || took > 0 {
				t.Fatalf("%v after %v", err, took)
			}
			time.Sleep(20 * time.Millisecond)
		}
		h.eventually("the silent server is given up", func() bool { return len(h.said()) > 0 })
		asked := w.dialled.Load()
		for range 20 {
			if _, err := a.Get(context.Background(), named); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.dialled.Load(); n != asked || asked > 4 {
			t.Errorf("a server that is down was asked %d and then %d times", asked-1, n-1)
		}
		w.healthy.Store(true)
		h.wait(6 * time.Second)
		h.eventually("the next token", func() bool {
			got, err := a.Get(context.Background(), named)
			return err == nil && got.Expires > old.Expires
		})
		return ""
	})
}

func (h *home) said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.warnings)
}

// TestWait: a program that ends waits for what is fetched behind its last answer.
func TestWait(t *testing.T) {
	h := ready(t, oauthtest.Options{Lifetime: 10 * time.Minute})
	old := h.mustGet(named)
	h.wait(9*time.Minute + 20*time.Second) // wherever in the margin it is due
	h.server.SetDelay(200 * time.Millisecond)
	a := h.lasting()
	if got, err := a.Get(context.Background(), named); err != nil || !got.Secret.Equal(old.Secret) {
		t.Fatalf("%v, source %s", err, got.Source)
	}
	a.Wait()
	if got, ok := h.lasting().Cached(named); !ok || got.Secret.Equal(old.Secret) {
		t.Error("the next token is not there")
	}
}

// eventually waits for what goes on behind an answer.
func (h *home) eventually(what string, holds func() bool) {
	h.t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatal("never came: " + what)
}

// TestHangUp (A18): a caller that hangs up is let go at once; what it began is
// ended for those who wait, and kept.
func TestHangUp(t *testing.T) {
	broken(t, breakages(t)["answer after 5 s"], "", func(h *home, w *wire) string {
		h.settle()
		a := h.lasting()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		began := time.Now()
		_, err := a.Get(ctx, named)
		if took := time.Since(began); !errors.Is(err, context.Canceled) || !errors.Is(err, protocol.ErrUnreachable) || took != 50*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		if _, err := a.Get(context.Background(), named); err != nil || w.dialled.Load() != 1 {
			t.Errorf("who waited: %v, %d token requests", err, w.dialled.Load())
		}
		if _, ok := a.Cached(named); !ok {
			t.Error("the token was not kept")
		}
		return ""
	})
}

// TestFromEnvironment: a Go program that imports this package shares what the user's
// tools have, and is told when it cannot open the keyring.
func TestFromEnvironment(t *testing.T) {
	if _, err := helper.FromEnvironment(nil, os.Getuid()); !errors.Is(err, protocol.ErrPolicy) {
		t.Errorf("without a home: %v", err)
	}
	h := ready(t, oauthtest.Options{})
	want := h.mustGet(named)
	root := h.dirs.Config[:len(h.dirs.Config)-len("/config")]
	own, err := helper.FromEnvironment([]string{"CREDHELPER_HOME=" + root}, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	own.Clock = h.clock // as the test's tokens were sealed by
	own.Dirs.Runtime = h.dirs.Runtime
	a := helper.New(own)
	if got, err := a.Get(context.Background(), named); err != nil || !got.Secret.Equal(want.Secret) {
		t.Errorf("%v, source %s", err, got.Source)
	}
	own.Now = func() time.Time { return time.Now().Add(youth) }
	a = helper.New(own)
	again := protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: want.Secret}}
	_, err = a.Get(context.Background(), again)
	wantError(t, err, protocol.ErrNoSecret, "profile demo") // the test's own keyring is in memory
	h.write(h.dirs.Settings(), "keyring = \"secret-service\"\n")
	_, err = helper.New(own).Get(context.Background(), again)
	wantError(t, err, protocol.ErrLocked, "this program can only open the file keyring", "credhelper keyring use file")
}

// TestManyURLs: a thousand URLs of one API are answered from one reading of the
// sealed files, each for the profile and the origin that own it.
func TestManyURLs(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.profile("demo", plain+`origins = ["{server}/a/", "{server}/b/"]`+"\n")
	h.profile("other", plain+`origins = ["{server}/a/deep/"]`+"\n")
	h.store("demo", "secret")
	h.store("other", "secret")
	a := h.lasting()
	owners := map[string]string{"/a/deep/1": "other", "/a/1": "demo", "/b/1": "demo"}
	for path, owner := range owners {
		if c, err := a.Get(context.Background(), protocol.Request{URL: url(t, h.server.URL()+path)}); err != nil || c.Profile != owner {
			t.Fatalf("%s: %s, %v", path, c.Profile, err)
		}
	}
	at := h.now()
	own := h.config()
	own.Start, own.Now = time.Time{}, func() time.Time { return at }
	b := helper.New(own)
	for path := range owners {
		if _, ok := b.Cached(protocol.Request{URL: url(t, h.server.URL()+path)}); !ok {
			t.Fatalf("%s: not from the cache", path)
		}
	}
	if err := os.RemoveAll(h.dirs.Run()); err != nil {
		t.Fatal(err)
	}
	for path, owner := range owners {
		c, ok := b.Cached(protocol.Request{URL: url(t, h.server.URL()+path+"/and/more")})
		if !ok || c.Profile != owner || !strings.HasPrefix(h.server.URL()+path, c.Origin) {
			t.Errorf("%s: %v, profile %s, origin %s", path, ok, c.Profile, c.Origin)
		}
	}
	if c, ok := b.Cached(protocol.Request{URL: url(t, h.server.URL()+"/c")}); ok {
		t.Errorf("nobody's path: %s", c.Profile)
	}
}

// BenchmarkCached is an answer from memory; see BenchmarkGet for the sealed file.
func BenchmarkCached(b *testing.B) {
	h := ready(b, oauthtest.Options{TokenSize: 1200})
	own := h.config()
	own.Start, own.Now, own.Clock = time.Time{}, time.Now, nil
	a := helper.New(own)
	if _, err := a.Get(context.Background(), named); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Get(context.Background(), named); err != nil {
			b.Fatal(err)
		}
	}
}
