package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/pool/swap"
	"github.com/credhelper/credhelper/protocol/secret"
)

// world is an authorization server, a store and hosts, in the time of a synctest bubble.
// The hosts are this package's; what is made up is the server, the network, and when
// tools call.
type world struct {
	t       testing.TB
	store   pooltest.Memory
	table   *pooltest.Table // in place of store, if there is one
	keys    *pool.Keys
	latency time.Duration
	life    time.Duration
	alone   bool

	mu       sync.Mutex
	down     bool
	ends     map[string]time.Time // of each token
	requests []time.Time
	failed   int
	late     int
}

func newWorld(t testing.TB) *world {
	keeper, _, err := pool.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pool.ReadKeys(keeper)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, keys: keys, latency: 200 * time.Millisecond, life: time.Hour, alone: true, ends: map[string]time.Time{}}
	w.store.Fail = func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.down {
			return &pool.Error{Kind: pool.Down, Text: "it refuses connections"}
		}
		return nil
	}
	return w
}

// token is a request to the server.
func (w *world) token(ctx context.Context) (pool.Fetched, *pool.Mark, error) {
	w.mu.Lock()
	now := time.Now()
	w.requests = append(w.requests, now)
	token := fmt.Sprint("token-", len(w.requests))
	w.ends[token] = now.Add(w.life)
	w.mu.Unlock()
	select {
	case <-time.After(w.latency):
		return pool.Fetched{Access: secret.New(token), Life: w.life}, nil, nil
	case <-ctx.Done():
		return pool.Fetched{}, nil, ctx.Err()
	}
}

// peak is the most requests in a second.
func (w *world) peak() (most int) {
	perSecond := map[int64]int{}
	for _, at := range w.requests {
		perSecond[at.Unix()]++
		most = max(most, perSecond[at.Unix()])
	}
	return most
}

// simulated is a host of the world, with what package helper keeps for it.
type simulated struct {
	*world
	*pool.Pool
	offset time.Duration // of its clock
	own    uint32
	loss   pool.Loss

	token                    pool.Token
	issued, expires, refresh time.Time // by its clock
}

func (w *world) host(offset time.Duration) *simulated {
	h := &simulated{world: w, offset: offset, own: rand.Uint32()}
	store := w.store.Store()
	if w.table != nil {
		store = w.table.Store()
	}
	h.Pool = &pool.Pool{Store: store, Keys: w.keys, Alone: w.alone, Host: "host",
		Now: func() time.Time { return time.Now().Add(offset) },
		Memory: pool.Memory{
			Read:  func() (pool.Loss, bool) { return h.loss, h.loss.Count > 0 },
			Write: func(l pool.Loss) { h.loss = l },
			Clear: func() { h.loss = pool.Loss{} },
		}}
	return h
}

// call is a tool's call.
func (h *simulated) call(ctx context.Context) {
	now := h.Now()
	atHand := now.Before(h.expires.Add(-30 * time.Second))
	if atHand && now.Before(h.refresh) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	want := pool.Want{Have: h.token.Number, AtHand: atHand, Time: 6 * time.Second, Fetch: h.world.token,
		AloneFrom: pool.AloneFrom(h.expires, h.expires.Sub(h.issued), h.own)}
	t, err := h.Obtain(ctx, want)
	if err == nil {
		h.take(t)
		return
	}
	if errors.Is(err, pool.ErrSlow) && atHand {
		h.refresh = now.Add(3 * time.Second)
	}
	if !atHand {
		h.mu.Lock()
		h.failed++
		h.mu.Unlock()
	}
}

// take caches a token as package helper does.
func (h *simulated) take(t pool.Token) {
	number := h.token.Number
	if h.token = t; t.Number == 0 {
		h.token.Number = number
	}
	h.issued, h.expires = t.Asked.Add(-t.Age), t.Asked.Add(t.Rest)
	margin := cache.Margin(t.Age + t.Rest)
	h.refresh = h.expires.Add(-margin + time.Duration(float64(margin-30*time.Second)/2*float64(h.own)/(1<<32)))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.expires.Add(-h.offset).After(h.ends[t.Access.Reveal()]) {
		h.late++
	}
}

// live lets a host be called about once a minute.
func (h *simulated) live(ctx context.Context, until time.Time) {
	for time.Now().Before(until) {
		if h.call(ctx); ctx.Err() != nil {
			return
		}
		next := time.Duration(rand.Int64N(int64(2 * time.Minute)))
		if idle := h.refresh.Sub(h.Now()); idle > next { // hits until then
			next = idle + time.Duration(rand.Int64N(int64(time.Minute)))
		}
		time.Sleep(next)
	}
}

// offsets are those of the clocks of a fleet: right for half of it.
var offsets = [...]time.Duration{0, time.Hour, 0, -time.Hour, 0, 10 * time.Minute, 0, -10 * time.Minute}

// fleetSize is the number of hosts.
func fleetSize() int {
	if testing.Short() { // with the race detector
		return 500
	}
	return 5000
}

func (w *world) day(hosts int) {
	until := time.Now().Add(24 * time.Hour)
	var all sync.WaitGroup
	for i := range hosts {
		h := w.host(offsets[i%len(offsets)])
		all.Go(func() { h.live(context.Background(), until) })
	}
	all.Wait()
}

// TestDay: for a day 5,000 hosts make a request when a token ends, whatever their clocks
// say, and no host uses one that is over.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.day(fleetSize())
		if len(w.requests) < 24 || len(w.requests) > 30 || w.failed > 0 || w.late > 0 {
			t.Errorf("%d requests, %d failures, %d late", len(w.requests), w.failed, w.late)
		}
		t.Logf("%d requests, %d operations", len(w.requests), w.store.Operations)
	})
}

// TestDaySwap: with a store that can only compare and swap it is the same, and few changes
// are refused because hosts meet.
func TestDaySwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.table = &pooltest.Table{Takes: 5 * time.Millisecond}
		hosts := fleetSize() / 5
		w.day(hosts)
		if len(w.requests) < 24 || len(w.requests) > 30 || w.failed > 0 || w.late > 0 || w.table.Refused > 5*hosts {
			t.Errorf("%d requests, %d failures, %d late, %d changes refused", len(w.requests), w.failed, w.late, w.table.Refused)
		}
		t.Logf("%d requests, %d loads, %d changes, %d refused", len(w.requests), w.table.Loads, w.table.Changes, w.table.Refused)
	})
}

// TestFlipped: whatever byte of what a name has is changed, a host gets the token that is
// there, or one that it fetches.
func TestFlipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.table = &pooltest.Table{}
		first := w.host(0)
		first.call(t.Context())
		var name string
		for key, value := range w.table.Values() {
			if key != swap.CheckKey && bytes.Contains(value.Bytes, []byte("CRP1")) && key != "log" {
				name = key
			}
		}
		whole := w.table.Values()[name].Bytes
		if len(whole) < 200 {
			t.Fatalf("%d bytes: the test is blind", len(whole))
		}
		fetched := 0
		for i := range whole {
			changed := bytes.Clone(whole)
			changed[i] ^= 0x55
			w.table.Set(name, changed)
			got, err := w.host(0).Obtain(t.Context(), pool.Want{Time: 6 * time.Second, Fetch: w.token})
			if err != nil || !got.Fetched && !got.Access.Equal(first.token.Access) {
				t.Errorf("byte %d: %+v, %v", i, got, err)
			}
			if got.Fetched {
				fetched++
			}
		}
		if fetched < len(whole)/2 {
			t.Errorf("%d of %d changes were noticed", fetched, len(whole))
		}
	})
}

// TestStartSwap: if all hosts start at one moment, one asks.
func TestStartSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.table = &pooltest.Table{Takes: 5 * time.Millisecond}
		hosts := fleetSize() / 5
		var all sync.WaitGroup
		began := time.Now()
		for range hosts {
			h := w.host(0)
			all.Go(func() { h.call(context.Background()) })
		}
		all.Wait()
		if len(w.requests) != 1 || w.failed > 0 || w.table.Loads+w.table.Changes+w.table.Refused > 10*hosts {
			t.Errorf("%d requests, %d failures, %+v", len(w.requests), w.failed, w.table)
		}
		t.Logf("%d loads, %d changes, %d refused, %v", w.table.Loads, w.table.Changes, w.table.Refused, time.Since(began))
	})
}

// TestDayLost: if the store is lost for an hour, each host asks for itself, but not all
// together.
func TestDayLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := func(down bool) { w.mu.Lock(); w.down = down; w.mu.Unlock() }
		time.AfterFunc(10*time.Hour, func() { set(true) })
		time.AfterFunc(11*time.Hour, func() { set(false) })
		w.day(fleetSize())
		if n := len(w.requests); n < fleetSize() || n > fleetSize()+100 || w.peak() > 50 || w.failed > 0 || w.late > 0 {
			t.Errorf("%d requests, at most %d in a second, %d failures, %d late", n, w.peak(), w.failed, w.late)
		}
		t.Logf("%d requests, %d operations, peak %d", len(w.requests), w.store.Operations, w.peak())
	})
}

// TestStart: if all hosts start in one second, one asks, and no store is asked more than
// four times a host.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var all sync.WaitGroup
		began := time.Now()
		for range fleetSize() {
			h := w.host(0)
			all.Go(func() {
				time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
				h.call(context.Background())
			})
		}
		all.Wait()
		if len(w.requests) != 1 || w.failed > 0 || w.store.Operations > 4*fleetSize() {
			t.Errorf("%d requests, %d failures, %d operations", len(w.requests), w.failed, w.store.Operations)
		}
		t.Logf("%d operations, %v", w.store.Operations, time.Since(began))
	})
}
