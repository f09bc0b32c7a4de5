//go:build linux

package main_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// way is the network between hosts and their store: a port that passes connections on, or
// is silent.
type way struct {
	net.Listener
	to string

	mu     sync.Mutex
	silent bool
	open   []net.Conn
}

// throughWay returns the lines of config.toml with a way in place of the store's address.
func throughWay(t *testing.T, where string) (string, *way) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: l, to: regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(where)}
	go w.serve()
	t.Cleanup(func() { _ = l.Close(); w.setSilent(true) })
	return strings.ReplaceAll(where, w.to, l.Addr().String()), w
}

func (w *way) serve() {
	for {
		in, err := w.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		w.open = append(w.open, in)
		silent := w.silent
		w.mu.Unlock()
		if silent {
			continue
		}
		go func() {
			defer in.Close()
			out, err := net.Dial("tcp", w.to)
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			_, _ = io.Copy(in, out)
		}()
	}
}

// setSilent ends all connections; new ones get no answer, or do again.
func (w *way) setSilent(silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = silent
	for _, conn := range w.open {
		_ = conn.Close()
	}
	w.open = nil
}

// fewHosts is how many hosts there are where each has a network of its own, and how many of
// them are cut off.
func fewHosts() (hosts, cut int) {
	hosts = 5
	if n, err := strconv.Atoi(os.Getenv("CREDHELPER_TEST_HOSTS")); err == nil {
		hosts = n
	}
	return hosts, max(1, hosts*3/20)
}

// TestPoolStoreFails: hosts that are cut off from the store, or all of them while it is
// stopped, ask for themselves; when it is back they share a token again. An emptied store,
// and one with an earlier state, cost one request each, and nobody gets an older token.
func TestPoolStoreFails(t *testing.T) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			hosts, cut := fewHosts()
			store := s.open(t)
			where, rest := throughWay(t, store.where)
			f := newFleetAt(t, where, hosts-cut, "")
			var off *way
			f.where, off = throughWay(t, store.where)
			for range cut {
				f.add(t, "pool.key", `lost = "alone"`)
			}
			f.slow(50 * time.Millisecond)
			off.setSilent(true)
			call := func(what string, alone, requests int, args ...string) {
				t.Helper()
				before := f.requests()
				results := f.together(t, append(slices.Clone(patiently), args...)...)
				told, shared := 0, map[string]bool{}
				for i, r := range results {
					switch {
					case r.code != 0 || !f.knows(r.token()):
						t.Errorf("%s: host %d: %+v", what, i, r)
					case strings.Contains(r.stderr, "this host fetched a token for itself"):
						told++
					default:
						shared[r.token()] = true
					}
				}
				if n := f.requests() - before; told != alone || n != requests || len(shared) > 1 {
					t.Errorf("%s: %d alone, %d requests, %d shared tokens", what, told, n, len(shared))
				}
				figure(t, what, 6*time.Second, took(results)...)
			}
			call(fmt.Sprintf("%d of %d cut off", cut, hosts), cut, 1+cut)
			rest.setSilent(true)
			f.empty(t)
			call("the store is stopped", hosts, hosts)
			rest.setSilent(false)
			off.setSilent(false)
			for i := range f.homes { // it is tried at once, and not when the time is over
				if r := finish(t, f.homes[i].Command("pool", "status")); r.code != 0 {
					t.Errorf("the store is back: %+v", r)
				}
			}
			f.empty(t)
			call("the store is back", 0, 0)
			restore := store.save()
			call("another token", 0, 1, "--refresh")
			restore()
			call("an earlier state", 0, 1, "--refresh")
			store.empty()
			call("emptied", 0, 1, "--refresh")
		})
	}
}

// empty removes the tokens of all hosts, but not what they remember of the store.
func (f *fleet) empty(t *testing.T) {
	t.Helper()
	f.each(func(_ int, h *program.Home) {
		if err := h.Empty(); err != nil {
			t.Error(err)
		}
	})
}
