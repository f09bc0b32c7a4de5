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
	server, err := oauthtest.New(oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "client", Secret: secretA}}, TokenSize: 1200, Lifetime: life, Delay: delay, Fault: t.Errorf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	h, err := program.NewHome(t.TempDir(), bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	err = h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: server.TokenURL(), ClientID: "client", Secret: secretA})
	if err == nil {
		err = h.Empty()
	}
	if err != nil {
		t.Fatal(err)
	}
	return server, h
}

// TestConnectorStorm (A22): hundreds of goroutines in several processes ask as library,
// through the plugin, through serve and by command, all at the moment at which the token
// expires. Each expiry costs one token request, and every caller gets a valid token.
func TestConnectorStorm(t *testing.T) {
	const life = 4 // a token that takes longer to arrive than it lives is useless
	goroutines, long := 200, 16*time.Second
	if testing.Short() {
		goroutines, long = 50, 10*time.Second
	}
	server, h := expiring(t, life*time.Second, 50*time.Millisecond)
	before := server.Count()
	order := crowd.Order{Bin: bin, Env: h.Env, Profile: "jama", Goroutines: goroutines, Pause: time.Second}
	var orders []crowd.Order
	for _, way := range []crowd.Way{crowd.Library, crowd.Library, crowd.Source, crowd.Plugin, crowd.Serve, crowd.Command} {
		o := order
		if o.Way = way; way == crowd.Command {
			o.Goroutines = 3 // each call is a process
		}
		orders = append(orders, o)
	}
	tally, err := crowd.Run(memberCommand(t), orders, long, nil)
	if err != nil {
		t.Fatal(err)
	}
	requests := server.Count() - before
	said := fmt.Sprintf("%d calls, %d tokens, %d requests, the slowest answer %v", tally.Calls, len(tally.Tokens), requests, tally.Slowest)
	if tally.Failed != 0 {
		t.Errorf("%d of %d calls failed: %v", tally.Failed, tally.Calls, tally.Failures)
	}
	if early := tally.Early(life); early != 0 || requests != len(tally.Tokens) {
		t.Errorf("%s; %d were asked for before the last one's end", said, early)
	}
	if len(tally.Tokens) < 2 {
		t.Errorf("%s: no token ended, so nothing is shown", said)
	}
	t.Log(said)
}
