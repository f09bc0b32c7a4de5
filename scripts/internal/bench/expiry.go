package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/crowd"
	"github.com/credhelper/credhelper/internal/program"
)

// memberWord makes this program one process of a crowd.
const memberWord = "one-member"

func memberCommand() (func() *exec.Cmd, error) {
	self, err := os.Executable()
	return func() *exec.Cmd { return exec.Command(self, memberWord) }, err
}

// shortLived creates a home whose profile's tokens are valid for some seconds.
func (b *bench) shortLived(name string, life, delay time.Duration) (*oauthtest.Server, *program.Home, error) {
	server, err := oauthtest.New(oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "bench", Secret: "bench-secret"}}, TokenSize: tokenSize, Lifetime: life, Delay: delay,
	})
	if err != nil {
		return nil, nil, err
	}
	b.ends = append(b.ends, server.Close)
	home, err := b.home(name)
	if err == nil {
		err = home.AddProfile(program.Profile{
			Name: profileName, Origin: "https://" + host, TokenURL: server.TokenURL(), ClientID: "bench", Secret: "bench-secret",
		})
	}
	if err == nil {
		err = home.Empty() // the token from verifying the secret
	}
	return server, home, err
}

// expiry lets 20 processes of 1,000 goroutines ask in process.
func (b *bench) expiry() ([]figure, error) {
	return b.expiring("20 processes of 1,000 goroutines", 3, 21*time.Second, map[crowd.Way]int{crowd.Library: 20})
}

// mixed lets 20 processes ask through all interfaces at once.
func (b *bench) mixed() ([]figure, error) {
	return b.expiring("20 mixed processes", 4, 28*time.Second, map[crowd.Way]int{
		crowd.Library: 3, crowd.Source: 3, crowd.Plugin: 5, crowd.Serve: 5, crowd.Command: 4,
	})
}

// expiring lets processes ask for a token that is valid for some seconds, all of them
// again when it expires. A process that starts another one for each call has 2
// goroutines, any other 1,000.
func (b *bench) expiring(name string, life int64, long time.Duration, processes map[crowd.Way]int) ([]figure, error) {
	const goroutines, commands, delay = 1000, 2, 100 * time.Millisecond
	command, err := memberCommand()
	if err != nil {
		return nil, err
	}
	server, home, err := b.shortLived(strings.Fields(name)[1], time.Duration(life)*time.Second, delay)
	if err != nil {
		return nil, err
	}
	var orders []crowd.Order
	for way, n := range processes {
		o := crowd.Order{Way: way, Bin: home.Bin, Env: home.Env, Profile: profileName, Goroutines: goroutines, Pause: time.Duration(life) * time.Second}
		if way == crowd.Command {
			o.Goroutines = commands
		}
		for range n {
			orders = append(orders, o)
		}
	}
	before := server.Count()
	tally, err := crowd.Run(command, orders, long, nil)
	if err != nil {
		return nil, err
	}
	for _, f := range tally.Failures {
		fmt.Fprintln(os.Stderr, f)
	}
	requests, tokens := server.Count()-before, len(tally.Tokens)
	if tokens < 6 {
		return nil, fmt.Errorf("only %d tokens in %v: fewer than 5 ends were seen", tokens, long)
	}
	return []figure{
		{name: name + ": requests per token", value: float64(requests) / float64(tokens), format: "%.2f", bound: 1, exact: true,
			note: fmt.Sprintf("%d-second tokens, %d of them, server %v", life, tokens, delay)},
		{name: name + ": tokens needed", value: float64(tokens - tally.Early(life)), format: "%.0f", bound: float64(tokens), exact: true,
			note: "no other was asked for before the last one's end"},
		{name: name + ": answered", value: float64(tally.Calls - tally.Failed), format: "%.0f", bound: float64(tally.Calls), exact: true,
			note: fmt.Sprintf("the slowest after %.2f s", tally.Slowest.Seconds())},
	}, nil
}
