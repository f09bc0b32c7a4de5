package pool_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
)

// What may happen to a store, with twenty hosts, for both kinds of stores: those that run
// scripts, and those that can only compare and swap.

// storeKind is what a test does to a store of one kind.
type storeKind struct {
	empty   func()
	save    func() (restore func())
	setBack func(time.Duration) // its clock
}

var storeKinds = map[string]func(w *world) storeKind{
	"scripts": func(w *world) storeKind {
		back := time.Duration(0)
		w.store.Now = func() time.Time { return time.Now().Add(-back) }
		return storeKind{
			empty:   w.store.Flush,
			save:    func() func() { all := w.store.Snapshot(); return func() { w.store.Restore(all) } },
			setBack: func(d time.Duration) { back = d },
		}
	},
	"compare and swap": func(w *world) storeKind {
		w.table = &pooltest.Table{Takes: 5 * time.Millisecond}
		return storeKind{
			empty:   func() { w.table.Restore(nil) },
			save:    func() func() { all := w.table.Values(); return func() { w.table.Restore(all) } },
			setBack: func(d time.Duration) { w.table.Ahead = -d },
		}
	},
}

// eachKind runs a test with twenty hosts, whose clocks differ, and a store of each kind.
func eachKind(t *testing.T, test func(t *testing.T, w *world, hosts []*simulated, s storeKind)) {
	for name, open := range storeKinds {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, w *world) {
				s := open(w)
				hosts := make([]*simulated, 20)
				for i := range hosts {
					hosts[i] = w.host(offsets[i%len(offsets)])
				}
				test(t, w, hosts, s)
			})
		})
	}
}

// together lets hosts want a token at once that is newer than theirs. All have to get one,
// within six seconds. It returns how many of them got one that others do not have, and how
// many requests that took.
func (w *world) together(t *testing.T, hosts []*simulated) (alone, requests int) {
	t.Helper()
	asked := func() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.requests) }
	before, began := asked(), time.Now()
	var all sync.WaitGroup
	for _, h := range hosts {
		all.Go(func() {
			had := h.token
			got, err := h.obtain(func(want *pool.Want) { want.Have = had.Number })
			if took := time.Since(began); err != nil || got.Number != 0 && got.Number <= had.Number || took > 6*time.Second {
				t.Errorf("%v, number %d after %d, %v", err, got.Number, had.Number, took)
				return
			}
			h.take(got)
		})
	}
	all.Wait()
	shared := map[string]bool{}
	for _, h := range hosts {
		if h.token.Unshared != "" {
			alone++
		} else {
			shared[h.token.Access.Reveal()] = true
		}
	}
	if len(shared) > 1 || w.late > 0 {
		t.Errorf("%d different tokens are shared, %d used late", len(shared), w.late)
	}
	return alone, asked() - before
}

// TestStoreForgets: after FLUSHALL, after a failover to an older state, and with a clock
// that has gone back an hour, one host asks, and nobody takes an older token than it had.
func TestStoreForgets(t *testing.T) {
	eachKind(t, func(t *testing.T, w *world, hosts []*simulated, s storeKind) {
		one := func(what string, hosts []*simulated) {
			t.Helper()
			if alone, requests := w.together(t, hosts); alone != 0 || requests != 1 {
				t.Errorf("%s: %d alone, %d requests", what, alone, requests)
			}
		}
		one("cold", hosts)
		restore := s.save()
		time.Sleep(time.Minute)
		one("a minute later", hosts)
		s.empty()
		one("emptied", hosts)
		restore()
		one("restored", hosts)
		time.Sleep(30 * time.Minute)
		s.setBack(time.Hour)
		for _, h := range hosts[:10] { // they have lost their caches
			h.token = pool.Token{}
		}
		one("a clock that went back", hosts[:1])
		if alone, requests := w.together(t, hosts[1:]); alone != 0 || requests != 0 {
			t.Errorf("the others: %d alone, %d requests", alone, requests)
		}
	})
}

// TestStoreCutOff: hosts that cannot reach the store ask for themselves, within six
// seconds, and the others share a token. While they remember that, their next calls take
// what the server takes; when the store is back they take part again.
func TestStoreCutOff(t *testing.T) {
	for _, cut := range []int{3, 20} { // 20: the store is stopped
		eachKind(t, func(t *testing.T, w *world, hosts []*simulated, _ storeKind) {
			off, shared := true, min(1, len(hosts)-cut)
			for _, h := range hosts[:cut] {
				ask := h.Store.Ask
				h.Store.Ask = func(ctx context.Context, name string, q pool.Question) (pool.Answer, error) {
					if off {
						<-ctx.Done()
						return pool.Answer{}, ctx.Err()
					}
					return ask(ctx, name, q)
				}
			}
			if alone, requests := w.together(t, hosts); alone != cut || requests != cut+shared {
				t.Errorf("%d cut off: %d alone, %d requests", cut, alone, requests)
			}
			began := time.Now()
			if alone, requests := w.together(t, hosts[:cut]); alone != cut || requests != cut || time.Since(began) != w.latency {
				t.Errorf("the next call: %d alone, %d requests, %v", alone, requests, time.Since(began))
			}
			off = false
			time.Sleep(11 * time.Second)
			if alone, requests := w.together(t, hosts[:cut]); alone != 0 || requests != 1-shared {
				t.Errorf("the store is back: %d alone, %d requests", alone, requests)
			}
		})
	}
}

// TestStoreLeader: of twenty hosts the one that leads is killed while it asks, or stopped
// for 6.5 s. There are two requests, and the others answer within six seconds; the late
// one takes the token of the others.
func TestStoreLeader(t *testing.T) {
	for name, stopped := range map[string]time.Duration{"killed": 0, "stopped": 6500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, w *world, hosts []*simulated, _ storeKind) {
				leader, rest := hosts[0], hosts[1:]
				renew := leader.Store.Renew
				var dead atomic.Bool
				leader.Store.Renew = func(ctx context.Context, name string, l pool.Lease) (bool, error) {
					if dead.Load() {
						<-ctx.Done()
						return false, ctx.Err()
					}
					return renew(ctx, name, l)
				}
				killed, kill := context.WithCancel(context.Background())
				defer kill()
				var late pool.Token
				var err error
				var all sync.WaitGroup
				all.Go(func() {
					late, err = leader.Obtain(killed, pool.Want{Time: 6 * time.Second, Fetch: func(ctx context.Context) (pool.Fetched, *pool.Mark, error) {
						f, _, _ := w.token(context.Background())
						dead.Store(true)
						if stopped == 0 {
							<-killed.Done()
						}
						time.Sleep(stopped)
						return f, nil, nil
					}})
				})
				time.Sleep(w.latency / 2)
				if alone, requests := w.together(t, rest); alone != 0 || requests != 1 {
					t.Errorf("%d alone, %d requests after the leader's", alone, requests)
				}
				kill()
				all.Wait()
				if stopped > 0 && (err != nil || !late.Access.Equal(rest[0].token.Access)) {
					t.Errorf("the late leader: %v, the same token: %v", err, late.Access.Equal(rest[0].token.Access))
				}
			})
		})
	}
}
