package pool_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
)

// TestYearsApart: whatever years the clocks of hosts are in, one of them asks, all count the
// token's end by their own clock, and none uses it late.
func TestYearsApart(t *testing.T) {
	const year = 365 * 24 * time.Hour
	years := []time.Duration{0, -20 * year, 20 * year, -year, year}
	eachKind(t, func(t *testing.T, w *world, _ []*simulated, _ storeKind) {
		var hosts []*simulated
		for i := range 4 * len(years) {
			hosts = append(hosts, w.host(years[i%len(years)]))
		}
		for hour := range 3 {
			if alone, requests := w.together(t, hosts); alone != 0 || requests != 1 {
				t.Errorf("hour %d: %d alone, %d requests", hour, alone, requests)
			}
			time.Sleep(time.Hour)
		}
		before, until := len(w.requests), time.Now().Add(6*time.Hour)
		var all sync.WaitGroup
		for _, h := range hosts {
			all.Go(func() { h.live(context.Background(), until) })
		}
		all.Wait()
		if n := len(w.requests) - before; n < 6 || n > 8 || w.failed > 0 || w.late > 0 {
			t.Errorf("%d requests in six hours, %d failures, %d late", n, w.failed, w.late)
		}
	})
}

// TestClockSetBack: a host whose clock was years ahead when the store was lost tries it
// again as soon as the clock is right.
func TestClockSetBack(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		h, ahead := w.host(0), 10*365*24*time.Hour
		h.Alone, h.Now = false, func() time.Time { return time.Now().Add(ahead) }
		w.down = true
		for range 2 {
			if _, err := h.obtain(nil); !errors.As(err, new(*pool.StoreLost)) {
				t.Fatal(err)
			}
		}
		ahead, w.down = 0, false
		if got, err := h.obtain(nil); err != nil || got.Number == 0 || h.loss.Count != 0 {
			t.Errorf("%+v, %v, %+v", got, err, h.loss)
		}
		ahead, w.down = 365*24*time.Hour, true
		_, _ = h.obtain(func(want *pool.Want) { want.Anyway = true })
		if ahead = 0; h.loss.Count == 0 {
			t.Fatal("not lost: the test is blind")
		}
		if _, err := h.obtain(nil); err == nil || h.loss.Since > time.Now().Unix() {
			t.Errorf("%v: lost since %v", err, time.Unix(h.loss.Since, 0))
		}
	})
}
