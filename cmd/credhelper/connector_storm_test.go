//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/crowd"
	"github.com/credhelper/credhelper/internal/program"
)

// asMember, in the environment, makes this executable a member of a crowd.
const asMember = "CREDHELPER_TEST_MEMBER"

// TestMember is not a test of its own but a process of TestConnectorStorm.
func TestMember(t *testing.T) {
	if os.Getenv(asMember) == "" {
		return
	}
	if err := crowd.Member(os.Stdin, os.Stdout); err != nil {
		t.Fatal(err)
	}
}

func memberCommand(t *testing.T) func() *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func() *exec.Cmd {
		cmd := exec.Command(self, "-test.run=^TestMember$")
		cmd.Env = append(os.Environ(), asMember+"=1", "CREDHELPER_TEST_BIN="+bin)
		return cmd
	}
}

// expiring makes a home with one profile whose tokens live for some seconds. Its server
// answers after a delay.
func expiring(t *testing.T, life, delay time.Duration) (*oauthtest.Server, *program.Home) {
	t.Helper()
	server := oauthtest.Start(t, oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "client", Secret: secretA}}, TokenSize: 1200, Lifetime: life, Delay: delay,
	})
	h := program.TestHome(t, bin)
	err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: server.TokenURL(), ClientID: "client", Secret: secretA})
	if err == nil {
		err = h.Empty()
	}
	if err != nil {
		t.Fatal(err)
	}
	return server, h
}

// unhurried runs a test with tokens that live for so long, and again with tokens of four
// times that life where an answer took longer than half of it: there a token can end on its
// way, and that is the machine's doing. run does what is tested; judge says what came of it.
func unhurried(t *testing.T, life time.Duration, run func(life time.Duration) (tally *crowd.Tally, judge func())) {
	t.Helper()
	for ; ; life *= 4 {
		tally, judge := run(life)
		if tally.Slowest <= life/2 || life >= time.Minute {
			judge()
			return
		}
		t.Logf("an answer took %v: tokens of %v are too short for this machine", tally.Slowest, life)
	}
}

// TestConnectorStorm (A22): hundreds of goroutines in several processes ask as library,
// through the plugin, through serve and by command, all at the moment at which the token
// expires. Each expiry costs one token request, and every caller gets a valid token.
func TestConnectorStorm(t *testing.T) {
	goroutines, lives := 200, 4.0
	if testing.Short() {
		goroutines, lives = 50, 2.5
	}
	unhurried(t, 4*time.Second, func(life time.Duration) (*crowd.Tally, func()) {
		server, h := expiring(t, life, 50*time.Millisecond)
		before := server.Count()
		tally, err := crowd.Run(memberCommand(t), allWays(h, goroutines), time.Duration(lives*float64(life)), nil)
		if err != nil {
			t.Fatal(err)
		}
		requests := server.Count() - before
		return tally, func() {
			said := fmt.Sprintf("%d calls, %d tokens, %d requests, the slowest answer %v", tally.Calls, len(tally.Tokens), requests, tally.Slowest)
			if tally.Failed != 0 {
				t.Errorf("%d of %d calls failed: %v", tally.Failed, tally.Calls, tally.Failures)
			}
			if early := tally.Early(int64(life / time.Second)); early != 0 || requests != len(tally.Tokens) {
				t.Errorf("%s; %d were asked for before the last one's end", said, early)
			}
			if len(tally.Tokens) < 2 {
				t.Errorf("%s: no token ended, so nothing is shown", said)
			}
			t.Log(said)
		}
	})
}

// allWays are orders for a home's profile, by each way to ask.
func allWays(h *program.Home, goroutines int) (orders []crowd.Order) {
	for _, way := range []crowd.Way{crowd.Library, crowd.Library, crowd.Source, crowd.Plugin, crowd.Serve, crowd.Command} {
		o := crowd.Order{Way: way, Bin: bin, Env: h.Env, Profile: "jama", Goroutines: goroutines, Pause: time.Second}
		if way == crowd.Command {
			o.Goroutines = 3 // each call is a process
		}
		orders = append(orders, o)
	}
	return orders
}
