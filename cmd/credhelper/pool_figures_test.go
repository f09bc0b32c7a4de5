//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
)

// The figures that pools were made for are asserted by counts. Times are logged beside
// their bounds, and printed by scripts/test fleet: how long a call takes is also a matter
// of the machine.

// figure logs times with their bound.
func figure(t testing.TB, what string, bound time.Duration, times ...time.Duration) {
	t.Helper()
	slices.Sort(times)
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	t.Logf("FIGURE %s: %s: median %v, worst %v; bound %v", t.Name(), what, round(times[len(times)/2]), round(times[len(times)-1]), bound)
}

// took returns the times of calls.
func took(results []result) (times []time.Duration) {
	for _, r := range results {
		times = append(times, r.took)
	}
	return times
}

// TestPoolSilentSlow: with a store that says nothing and a server that takes three
// seconds, a call ends by itself, with a token or with the reason.
func TestPoolSilentSlow(t *testing.T) {
	t.Parallel() // mostly waiting
	f := newFleet(t, pooltest.StartServer(t), 3, "")
	f.configure(t, f.homes[2], "pool.key", `lost = "fail"`)
	f.slow(3 * time.Second)
	f.store.Signal(syscall.SIGSTOP)
	began := time.Now()
	for i, r := range f.together(t, "token", "jama") {
		switch {
		case r.code == 0 && f.knows(r.token()):
		case r.code == 8 && (strings.Contains(r.stderr, "no answer in time") || strings.Contains(r.stderr, "its store is lost")):
			sane(t, "silent", r)
		default:
			t.Errorf("host %d: %+v", i, r)
		}
	}
	figure(t, "server 3 s, store silent: answered, or exit 8 with the reason", 8*time.Second, time.Since(began))
	if n := f.requests(); n > 2 {
		t.Errorf("%d requests of 2 hosts that may ask", n)
	}
}

// TestPoolEvicted: where the store drops a lease while its leader asks, or a token, that
// is one more request at most.
func TestPoolEvicted(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 6, "")
	f.slow(500 * time.Millisecond)
	leader, rest := make(chan result), &fleet{homes: f.homes[1:]}
	go func() { leader <- finish(t, f.homes[0].Command(patiently...)) }()
	for f.requests() == 0 {
		time.Sleep(time.Millisecond)
	}
	f.store.Do(t, "DEL", f.names(t)[0])
	token := oneToken(t, rest.together(t, patiently...))
	if r := <-leader; r.code != 0 || !f.knows(r.token()) {
		t.Errorf("the leader: %+v", r)
	}
	if n := f.requests(); n > 2 {
		t.Errorf("a lease was dropped: %d requests", n)
	}
	before := f.requests()
	f.store.Do(t, "DEL", f.names(t)[0])
	if again := oneToken(t, rest.together(t, patiently...)); again != token || f.requests() != before {
		t.Errorf("a token was dropped: %d requests of hosts that have it", f.requests()-before)
	}
	for _, h := range rest.homes {
		if err := os.RemoveAll(h.Dirs.Run()); err != nil {
			t.Fatal(err)
		}
	}
	if oneToken(t, rest.together(t, patiently...)); f.requests() != before+1 {
		t.Errorf("a token was dropped: %d requests", f.requests()-before)
	}
}

// TestPoolClockBack: a store whose clock is an hour behind that of the server before it
// does not know how old its token is: the hosts make one request.
func TestPoolClockBack(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 6, "")
	f.slow(50 * time.Millisecond)
	first := oneToken(t, f.together(t, patiently...))
	name := f.names(t)[0]
	ahead := fmt.Sprint(time.Now().Add(time.Hour).UnixMicro())
	f.store.Do(t, "HSET", name, "number", ahead, "granted", ahead, "seen", ahead)
	for _, h := range f.homes {
		if err := os.RemoveAll(h.Dirs.Run()); err != nil {
			t.Fatal(err)
		}
	}
	if again := oneToken(t, f.together(t, patiently...)); again == first || f.requests() != 2 {
		t.Errorf("%d requests, the same token: %v", f.requests(), again == first)
	}
	if number := f.store.Do(t, "--raw", "HGET", name, "number"); number <= ahead {
		t.Errorf("number %s after %s", number, ahead)
	}
}

// TestPoolBytes: whichever byte of the value in the store is changed, a host asks for
// another token, and puts that in its place. Bits take turns, but CREDHELPER_TEST_POINTS has
// three of each byte changed. helper/pool.TestDamaged changes each bit.
func TestPoolBytes(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 1, "")
	oneToken(t, f.together(t, patiently...))
	name, h := f.names(t)[0], f.homes[0]
	value := f.store.Do(t, "--raw", "HGET", name, "entry")
	change := func(i int, bit byte) {
		t.Helper()
		bad := []byte(value)
		bad[i] ^= bit
		f.hset(t, name, "entry", string(bad))
		if err := os.RemoveAll(h.Dirs.Run()); err != nil {
			t.Fatal(err)
		}
		before := f.requests()
		if r := finish(t, h.Command(patiently...)); r.code != 0 || !f.knows(r.token()) || f.requests() != before+1 {
			t.Fatalf("byte %d: %+v, %d requests", i, r, f.requests()-before)
		}
	}
	bits := []byte{1, 2, 0x80}
	// The magic and its end, and where each part begins.
	for _, i := range []int{0, 1, 2, 3, 4, 5, 12, 13, 20, 21, 28, 29, 41, len(value) - 65, len(value) - 64, len(value) - 1} {
		for _, bit := range bits {
			change(i, bit)
		}
	}
	step := 1
	if testing.Short() {
		step = len(value) / 12
	}
	for i := 0; i < len(value); i += step {
		for turn, bit := range bits {
			if i%len(bits) == turn || os.Getenv("CREDHELPER_TEST_POINTS") != "" {
				change(i, bit)
			}
		}
	}
}

// TestPoolCallsNobody: a profile without a pool makes the same system calls on files and
// on the network whether or not config.toml has a pool, and none for it.
func TestPoolCallsNobody(t *testing.T) {
	if elsewhere(t) {
		return
	}
	f := newFleet(t, pooltest.StartServer(t), 1, "")
	h := f.homes[0]
	path := filepath.Join(h.Dirs.Profiles(), "jama.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "pool = \"ci\"\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile(h.Dirs.Settings())
	if err != nil {
		t.Fatal(err)
	}
	calls := func(what, settings string) []string {
		if err := os.WriteFile(h.Dirs.Settings(), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		var list []string // of both: the first one writes what the second one finds
		for range 2 {
			if err := h.Empty(); err != nil {
				t.Fatal(err)
			}
			settle()
			log := filepath.Join(t.TempDir(), "log")
			if r := finish(t, traced(t, h, log, []string{"-e", "trace=%file,%network"}, patiently...)); r.code != 0 {
				t.Fatalf("%s: %+v", what, r)
			}
			list = append(list, callsIn(t, log)...)
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	without, with := calls("without", "# "+strings.Repeat("x", len(settings))+"\n"), calls("with", string(settings))
	if len(without) < 20 {
		t.Fatalf("%d calls: the test is blind", len(without))
	}
	for _, call := range with {
		if !slices.Contains(without, call) {
			t.Errorf("with a pool in config.toml also: %s", call)
		}
	}
	if all := strings.Join(with, "\n"); strings.Contains(all, "pool.key") || strings.Contains(all, f.store.Port) {
		t.Error(all)
	}
}

// callsIn returns the calls of strace's log with their first text.
func callsIn(t *testing.T, log string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`^\d+ +(\w+)\(`)
	first := regexp.MustCompile(`"([^"]*)"|sin6?_port=htons\((\d+)\)`)
	changing := regexp.MustCompile(`\.tmp-credhelper-\S+|[0-9a-f]{6,}|/proc/\d+|\d{4,}`)
	for line := range strings.Lines(string(text)) {
		m := call.FindStringSubmatch(line)
		if m == nil || strings.Contains(line, "resumed>") {
			continue
		}
		what := m[1]
		switch what {
		case "recvfrom", "recvmsg", "sendto", "sendmsg", "getsockopt", "getsockname", "getpeername", "setsockopt":
			continue // as often as the network likes
		}
		if text := first.FindStringSubmatch(line); text != nil && text[1] != "" {
			what += " " + changing.ReplaceAllString(text[1], "N")
		} else if text != nil {
			what += " port " + text[2]
		}
		list = append(list, what)
	}
	return list
}
