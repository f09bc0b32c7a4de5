//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
)

const usual = 3599 * time.Second

// TestSync: every item gets one issue, only what has changed is written again, and
// Jama is never asked too fast. One token request for each system is enough.
func TestSync(t *testing.T) {
	w := newWorld(t, 60, usual)
	if _, err := w.sync("--page", "5"); err != nil {
		t.Fatalf("%v\n%s", err, w.log.String())
	}
	w.once(60)
	if err := w.jama.EditItem(1042); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sync(); err != nil {
		t.Fatalf("%v\n%s", err, w.log.String())
	}
	w.once(60)
	w.requests(1, 1)
	w.says("INFO  sync: 60 items: 60 created, 0 updated\n", "INFO  sync: 60 items: 0 created, 1 updated\n")
	if n := w.jama.Answered()[429]; n != 0 {
		t.Errorf("Jama answered 429 %d times: the pace is too fast", n)
	}
	updates := 0
	for _, i := range w.jira.Issues() {
		updates += i.Updates
	}
	if updated := w.jira.Issues()[41]; updates != 1 || updated.Summary != "DEMO-REQ-42 Requirement 42, revision 2" {
		t.Errorf("%d updates, %q", updates, updated.Summary)
	}
}

// TestSurvives: what goes wrong in the middle of a run does not show in its result.
func TestSurvives(t *testing.T) {
	const items = 10 // in pages of 5: Jama is called twice, Jira 12 times
	for _, c := range []struct {
		name       string
		breaks     func(w *world)
		jama, jira int // token requests
	}{
		{"revoked at Jama before the second page", func(w *world) {
			w.jamaCalls = at(2, func() { w.revoke("jama", w.jama) })
		}, 2, 1},
		// Jira answers a search with 200 and nothing to a dead token, as to nobody.
		{"revoked at Jira before a search", func(w *world) {
			w.jiraCalls = at(7, func() { w.revoke("jira", w.jira) })
		}, 1, 2},
		{"revoked at Jira before an issue is made", func(w *world) {
			w.jiraCalls = at(9, func() { w.revoke("jira", w.jira) })
		}, 1, 2},
		// The new secret needs no restart of the connector. rotate verifies it with a
		// token request of its own.
		{"the secret is rotated", func(w *world) {
			w.jiraCalls = at(9, func() {
				w.jira.SetClient(oauthtest.Client{ID: "client", Secret: "n3w-s3cret"})
				w.jira.RevokeAll()
				w.must("n3w-s3cret", "rotate", "jira", "--secret-stdin")
			})
		}, 1, 2},
		{"Jama asks for patience", func(w *world) {
			w.jamaCalls = at(2, func() { w.jama.Throttle(0) })
		}, 1, 1},
		{"Jira asks for patience", func(w *world) {
			w.jiraCalls = at(9, func() { w.jira.Throttle(time.Second) })
		}, 1, 1},
		{"credhelper is killed", func(w *world) {
			w.jiraCalls = at(9, w.killPlugin)
		}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, items, usual)
			c.breaks(w)
			if _, err := w.sync("--page", "5"); err != nil {
				t.Fatalf("%v\n%s", err, w.log.String())
			}
			w.once(items)
			w.requests(c.jama, c.jira)
			w.says("10 items: 10 created, 0 updated")
		})
	}
}

// at calls do before the nth call.
func at(n int, do func()) func(int) {
	return func(call int) {
		if call == n {
			do()
		}
	}
}

// TestTokensExpire: tokens of three seconds end in the middle of a run, and the
// next ones are there. A token that ends on its way is renewed, too.
func TestTokensExpire(t *testing.T) {
	w := newWorld(t, 10, 3*time.Second)
	w.jiraCalls = func(int) { time.Sleep(400 * time.Millisecond) } // 12 calls: 5 s
	began := time.Now()
	if _, err := w.sync("--page", "5"); err != nil {
		t.Fatalf("%v\n%s", err, w.log.String())
	}
	w.once(10)
	if n, took := w.jira.Count(), time.Since(began); n < 2 || n > 2+int(took/time.Second) {
		t.Errorf("%d token requests in %v", n, took)
	}
}

// TestConnection: what an administrator reads when the connection is tested.
func TestConnection(t *testing.T) {
	w := newWorld(t, 3, usual)
	out, err := w.sync("--test")
	if err != nil {
		t.Fatalf("%v\n%s", err, w.log.String())
	}
	want := []string{
		"Jama Connect " + w.jama.URL() + ": connected as James Example (james)",
		"Jira " + w.jira.URL() + ": connected as Anna Example (anna)",
	}
	if got := strings.Split(strings.TrimSpace(out), "\n"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	w.requests(1, 1)
}

// TestConnectionFails: time, level, system, what is wrong, what to do next, the
// server's own number of the request; nothing secret. The other system is tested
// all the same.
func TestConnectionFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(w *world)
		kind   error
		says   []string
	}{
		{"wrong secret", func(w *world) { w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "other"}) }, protocol.ErrRefused,
			[]string{"ERROR Jama Connect http://", "invalid_client", "store a new one: credhelper rotate jama"}},
		{"no right to the API", func(w *world) { w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret", Barred: true}) }, protocol.ErrProbe,
			[]string{"the API does not let this account do that (HTTP 403): This user is not permitted to use the API; see why: credhelper test jama"}},
		{"a user whom Jira does not know", func(w *world) { w.jira.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret", NoUser: true}) }, nil,
			[]string{"ERROR Jira http://", "(HTTP 400): No user found with this username/email address [X-AREQUESTID ", "x1x1]; see why: credhelper test jira"}},
		{"the server is away", func(w *world) { _ = w.jama.Always("reset-early") }, protocol.ErrUnreachable, []string{"ERROR Jama Connect http://", ": no bearer token: profile jama: ", "/rest/oauth/token)"}},
		{"no profile", func(w *world) { w.must("", "remove", "jira", "--yes") }, protocol.ErrUnknown, []string{"ERROR Jira http://", "no profile jira"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 3, usual)
			c.breaks(w)
			out, err := w.sync("--test")
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("%v, want %v", err, c.kind)
			}
			w.says(c.says...)
			if strings.Count(out, "connected as") != 1 || strings.Count(w.log.String(), "\n") != 1 {
				t.Errorf("stdout %q, log %q", out, w.log.String())
			}
			t.Log(w.log.String())
		})
	}
}

// TestEvery: a run that fails is tried again, and the job ends when it is told to.
func TestEvery(t *testing.T) {
	w := newWorld(t, 3, usual)
	w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret", Barred: true})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.jamaCalls = func(n int) {
		switch n {
		case 2: // the second run: the administrator has allowed the API
			w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret"})
			w.revoke("jama", w.jama)
		case 4:
			cancel()
		}
	}
	err := run(ctx, []string{"--every", "100ms", w.jama.URL(), w.jira.URL()}, io.Discard, &w.log)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.once(3)
	w.says("(HTTP 403): This user is not permitted to use the API", "3 items: 3 created, 0 updated")
}

// TestGateway: Jira Cloud's gateway answers 404 or 403 to a token that it no longer
// knows, and refresh_on says so. A token younger than a minute is not doubted, so
// credhelper is a library here, whose clock can be set.
func TestGateway(t *testing.T) {
	for _, quirk := range []string{"", "gateway-403"} {
		w := newWorld(t, 3, usual)
		cloud := oauthtest.Start(t, oauthtest.Options{Product: "jira-cloud", Quirk: quirk, Clients: []oauthtest.Client{{ID: "client", Secret: "s3cret"}}})
		err := w.home.AddProfile(program.Profile{Name: "jira", Origin: cloud.APIURL(), TokenURL: cloud.TokenURL(), ClientID: "client", Secret: "s3cret",
			More: "client_auth = \"post\"\nrefresh_on = [403, 404]"})
		if err != nil {
			t.Fatal(err)
		}
		config, err := helper.FromEnvironment(w.home.Env, os.Getuid())
		if err != nil {
			t.Fatal(err)
		}
		var later time.Duration
		config.Now = func() time.Time { return time.Now().Add(later) }
		j := newJob(settings{jama: w.jama.URL(), jira: cloud.APIURL(), project: 1, key: "DEMO", page: 50}, helper.New(config), &journal{&w.log, time.Now})
		for run, want := range []int{1, 2} {
			if err := j.once(t.Context()); err != nil {
				t.Fatalf("run %d: %v\n%s", run+1, err, w.log.String())
			}
			if got := cloud.Count(); got != want {
				t.Errorf("%d token requests after run %d, want %d", got, run+1, want)
			}
			later += 2 * time.Minute
			cloud.RevokeAll()
		}
		if n := len(cloud.Issues()); n != 3 {
			t.Errorf("%d issues", n)
		}
	}
}
