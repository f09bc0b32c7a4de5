//go:build linux

package main_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/internal/crowd"
	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
)

// forgetful is a token endpoint that remembers only how often it was asked, so that its own
// memory does not look like a leak of the client's.
func forgetful(t *testing.T, life int) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	asked := new(atomic.Int64)
	padding := strings.Repeat("x", 1150)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-canary-%06d.%s","token_type":"Bearer","expires_in":%d}`, asked.Add(1), padding, life)
	}))
	t.Cleanup(s.Close)
	return s, asked
}

// TestSoakInProcess: a program that imports the helper runs through an hour of two-second
// tokens, by a fast clock. Each expiry costs one token request, and neither memory nor
// goroutines, descriptors or files grow.
func TestSoakInProcess(t *testing.T) {
	const life = 2
	ends := 1800
	if testing.Short() {
		ends = 300
	}
	server, asked := forgetful(t, life)
	h := program.TestHome(t, bin)
	if err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: server.URL + "/token", ClientID: "client", Secret: secretA}); err != nil {
		t.Fatal(err)
	}
	config, err := helper.FromEnvironment(h.Env, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	now := began.Add(time.Minute) // past the token that the check of the secret fetched
	config.Now = func() time.Time { return now }
	config.Clock = func(now time.Time) cache.Clock {
		return cache.Clock{Unix: now.Unix(), BootedAt: began.Unix() - 3600}
	}
	library := helper.New(config)
	source := &bearer.TokenSource{Answerer: library, Request: protocol.Request{Profile: "jama"}, Now: config.Now}
	watch := crowd.NewWatch(h.Dirs.State, h.Dirs.Log(), crowd.Source)
	before := asked.Load()
	for i := range ends {
		now = now.Add(life * time.Second)
		token, err := source.Token()
		if err != nil {
			t.Fatal(i, err)
		}
		again, err := library.Get(context.Background(), protocol.Request{Profile: "jama"})
		if err != nil || again.Secret.Reveal() != token.AccessToken {
			t.Fatal(i, err, "another token than the source has")
		}
		if n := asked.Load() - before; n != int64(i+1) {
			t.Fatalf("%d requests for %d ends", n, i+1)
		}
		if i%(ends/30) == 0 && i > 0 {
			watch.Take(crowd.Order{Way: crowd.Source}, crowd.Look(0))
		}
	}
	notGrown(t, watch, 1)
}

// notGrown fails if something grew beyond its bound, multiplied by leave because a short
// soak is less exact.
func notGrown(t *testing.T, watch *crowd.Watch, leave float64) {
	t.Helper()
	grown, err := watch.Grown()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range grown {
		if g.By() > leave*g.Bound {
			t.Errorf("%s grows: %v", g.Name, g)
		}
		t.Log(g.Name, g)
	}
}

// TestConnectorSoak: the processes that answer connectors are asked all the time for tokens
// of two seconds. Nothing in them grows, and each token costs one request.
func TestConnectorSoak(t *testing.T) {
	lives := time.Duration(6)
	if testing.Short() {
		lives = 3
	}
	unhurried(t, 2*time.Second, func(life time.Duration) (*crowd.Tally, func()) {
		server, h := expiring(t, life, 0)
		watch := crowd.NewWatch(h.Dirs.State, h.Dirs.Log(), crowd.Source)
		var orders []crowd.Order
		for _, way := range []crowd.Way{crowd.Source, crowd.Plugin, crowd.Serve} {
			orders = append(orders, crowd.Order{
				Way: way, Bin: bin, Env: h.Env, Profile: "jama", Goroutines: 4, Pause: 40 * time.Millisecond, Every: lives * life / 24,
			})
		}
		before := server.Count()
		tally, err := crowd.Run(memberCommand(t), orders, lives*life, watch.Take)
		if err != nil {
			t.Fatal(err)
		}
		requests := server.Count() - before
		return tally, func() {
			if early := tally.Early(int64(life / time.Second)); tally.Failed != 0 || early != 0 || requests != len(tally.Tokens) || requests < 2 {
				t.Errorf("%d of %d calls failed (%v); %d requests for %d tokens, %d of them early", tally.Failed, tally.Calls, tally.Failures,
					requests, len(tally.Tokens), early)
			}
			notGrown(t, watch, 2) // a process still grows in its first seconds
		}
	})
}
