//go:build linux

package main_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// leaderPoints is at how many points of its life a leader is hit.
func leaderPoints() int {
	if n, err := strconv.Atoi(os.Getenv("CREDHELPER_TEST_POINTS")); err == nil {
		return n
	}
	return 4
}

// TestPoolLeader: a leader that is killed, or stopped for longer than its lease, at some
// points of its life, is followed by another one: the others answer, after two requests
// at most, and the store has the newer token.
func TestPoolLeader(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, s := range stores {
		for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
			t.Run(fmt.Sprintf("%s %v", s.name, signal), func(t *testing.T) {
				t.Parallel()
				var last []time.Duration // of each point: until all others had answered
				for i := range leaderPoints() {
					t.Run(fmt.Sprint("at ", i), func(t *testing.T) {
						last = append(last, hitLeader(t, newFleetAt(t, s.open(t).where, 6, ""), signal, i))
					})
				}
				figure(t, fmt.Sprintf("leader %v at %d points, server 50 ms: the last answer of 5 others", signal, len(last)), 6*time.Second, last...)
			})
		}
	}
}

// hitLeader sends a signal to a leader at a point of its life, and returns how long the
// others took to answer.
func hitLeader(t *testing.T, f *fleet, signal syscall.Signal, point int) time.Duration {
	f.slow(50 * time.Millisecond)
	life := finish(t, f.alone(t).Command(patiently...)).took
	before := f.requests()
	var said bytes.Buffer
	leader := f.homes[0].Command("token", "jama")
	leader.Stdout = &said
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(point) * life * 5 / 4 / time.Duration(leaderPoints()))
	if err := leader.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	rest := *f
	rest.homes = f.homes[1:]
	token := oneToken(t, rest.together(t, patiently...))
	took := time.Since(began)
	if signal == syscall.SIGSTOP {
		if leaderPoints() > 4 {
			time.Sleep(6500*time.Millisecond - took)
		}
		_ = leader.Process.Signal(syscall.SIGCONT)
	}
	_ = leader.Wait()
	if n := f.requests() - before; n < 1 || n > 2 {
		t.Errorf("%d requests", n)
	}
	if err := rest.homes[0].Empty(); err != nil {
		t.Fatal(err)
	}
	if again := oneToken(t, rest.together(t, patiently...)); again != token {
		t.Error("the store has another token")
	}
	if got := strings.TrimSpace(said.String()); got != "" && got != token {
		t.Errorf("the late leader gave a token that the store has not")
	}
	return took
}

// alone makes a host with the same profile and no pool: what a call takes without one. It
// is not one of the homes.
func (f *fleet) alone(t testing.TB) *program.Home {
	t.Helper()
	h := f.home(t)
	err := h.AddProfile(program.Profile{Name: "jama", Origin: "https://api.example.com", TokenURL: f.URL + "/token", ClientID: "client",
		More: fmt.Sprintf("secret = [\"file\", %q]", f.path("secret"))})
	if err != nil {
		t.Fatal(err)
	}
	return h
}
