//go:build linux

package main_test

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// atOnce runs n processes at once and returns their results.
func atOnce(t testing.TB, h *program.Home, n int, args ...string) []result {
	t.Helper()
	results := make([]result, n)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = finish(t, h.Command(args...)) })
	}
	group.Wait()
	return results
}

// patiently asks for a token of jama. On a busy machine so many processes may need more than
// the usual 8 s.
var patiently = []string{"token", "jama", "--timeout", "120"}

// TestStorm (A22): 200 processes with an empty cache make one token request, and all of them
// answer with its token.
func TestStorm(t *testing.T) {
	processes, repeats := 200, 3
	if testing.Short() {
		processes, repeats = 50, 1
	}
	s := newServer(t)
	s.slow(50 * time.Millisecond)
	h := newHome(t, s)
	for range repeats {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
		before := s.requests()
		tokens := map[string]int{}
		for _, r := range atOnce(t, h, processes, patiently...) {
			if r.code != 0 || r.stderr != "" {
				t.Errorf("%+v", r)
			}
			tokens[r.token()]++
		}
		if n := s.requests() - before; n != 1 || len(tokens) != 1 {
			t.Errorf("%d requests, want 1; %d different answers, want 1", n, len(tokens))
		}
	}
}

// TestRefusedTogether: if 50 processes report the same token as refused, exactly one causes
// a request, and all get the new token.
func TestRefusedTogether(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	old, err := h.Run("", "token", "jama")
	if err != nil {
		t.Fatal(err)
	}
	refused := string(bytes.TrimSpace([]byte(old)))
	if err := h.Age("jama", time.Minute); err != nil {
		t.Fatal(err)
	}
	before := s.requests()
	s.slow(50 * time.Millisecond)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			out, err := h.Run(`{"profile":"jama","refused":"`+refused+`"}`, "get", "--timeout", "120")
			if err != nil || bytes.Contains([]byte(out), []byte(refused)) {
				t.Errorf("%v, or the refused token again", err)
			}
		})
	}
	group.Wait()
	if n := s.requests() - before; n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// leaderAndWaiters starts a process whose request the server does not answer, and n more
// that wait for it.
func leaderAndWaiters(t *testing.T, s *server, h *program.Home, n int) (leader *exec.Cmd, waiters []*exec.Cmd, outs []*bytes.Buffer) {
	t.Helper()
	if err := h.Empty(); err != nil {
		t.Fatal(err)
	}
	s.slow(time.Hour)
	before := s.requests()
	leader = h.Command(patiently...)
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; s.requests() == before; i++ {
		if time.Sleep(time.Millisecond); i == 60_000 {
			t.Fatal("the leader asks nothing")
		}
	}
	s.slow(50 * time.Millisecond)
	for range n {
		cmd, out := h.Command(patiently...), new(bytes.Buffer)
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waiters, outs = append(waiters, cmd), append(outs, out)
	}
	time.Sleep(700 * time.Millisecond) // until they all wait for the lock
	return leader, waiters, outs
}

// TestLeaderKilled (F15): if the fetching process is killed while 20 wait, the next one
// takes over at once. Nobody fails, and there are two requests.
func TestLeaderKilled(t *testing.T) {
	s := newServer(t)
	h := newHome(t, s)
	before := s.requests()
	leader, waiters, outs := leaderAndWaiters(t, s, h, 20)
	if err := leader.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_ = leader.Wait() // killed, as it should be
	for i, w := range waiters {
		if err := w.Wait(); err != nil || !s.knows(string(bytes.TrimSpace(outs[i].Bytes()))) {
			t.Errorf("a waiter: %v, %d bytes", err, outs[i].Len())
		}
	}
	// A process that does not take over at once waits for nearly its two minutes.
	if took := time.Since(killed); took > time.Minute {
		t.Errorf("the others took %v after the kill: they did not take over at once", took)
	}
	if n := s.requests() - before; n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestLeaderStopped (T25, F15): a stopped process that holds the lock delays the others only
// up to their own limit; they report that another process is busy.
func TestLeaderStopped(t *testing.T) {
	t.Parallel() // mostly waiting
	s := newServer(t)
	h := newHome(t, s)
	before := s.requests()
	leader, _, _ := leaderAndWaiters(t, s, h, 0)
	defer func() {
		_ = leader.Process.Kill()
		_ = leader.Wait()
	}()
	if err := leader.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, r := range atOnce(t, h, 20, "token", "jama") {
		sane(t, "behind a stopped process", r)
		if r.code != 10 {
			t.Errorf("exit %d, want 10 (another process is busy): %s", r.code, r.stderr)
		}
	}
	if n := s.requests() - before; n != 1 {
		t.Errorf("%d requests; nobody may fetch without the lock", n)
	}
}

// TestStormWithKills (A22): each process of a crowd that is killed at a random moment,
// including the fetching one, costs at most one request; all others answer.
func TestStormWithKills(t *testing.T) {
	const processes, kills = 60, 6
	s := newServer(t)
	h := newHome(t, s)
	s.slow(30 * time.Millisecond)
	for range 3 {
		if err := h.Empty(); err != nil {
			t.Fatal(err)
		}
		before := s.requests()
		crowd, outs := make([]*exec.Cmd, processes), make([]bytes.Buffer, processes)
		for i := range crowd {
			crowd[i] = h.Command(patiently...)
			crowd[i].Stdout = &outs[i]
			if err := crowd[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range kills {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			_ = crowd[i].Process.Kill() // it may have ended
		}
		for i, process := range crowd {
			if err := process.Wait(); i >= kills && (err != nil || !s.knows(string(bytes.TrimSpace(outs[i].Bytes())))) {
				t.Errorf("a process that nobody killed: %v, %d bytes", err, outs[i].Len())
			}
		}
		if n := s.requests() - before; n < 1 || n > 1+kills {
			t.Errorf("%d requests for %d kills", n, kills)
		}
	}
}
