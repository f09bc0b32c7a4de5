package pool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/secret"
)

// hangs is a step of a store that has no answer.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return &pool.Error{Kind: pool.Silent, Text: "no answer"}
}

// TestSlowReport: a reader whose token is refused does not wait longer for a silent store
// than others.
func TestSlowReport(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		reader := w.asReader(w.keyed())
		w.silent()
		began := time.Now()
		_, err := reader.obtain(func(want *pool.Want) { want.Have, want.Report = 7, true })
		if took := time.Since(began); !errors.As(err, new(*pool.StoreLost)) || took > 5*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestSlowLog: that the log of a pool takes no line does not keep a refusal from the others.
func TestSlowLog(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		h := w.host(0)
		h.Store.Note = func(ctx context.Context, _ []byte) error { return hangs(ctx) }
		if _, err := h.obtain(refused(1)); err == nil {
			t.Fatal("no error")
		}
		began := time.Now()
		if _, err := w.host(0).obtain(nil); !errors.As(err, new(*pool.Hold)) || time.Since(began) > time.Second || len(w.requests) != 0 {
			t.Errorf("%v after %v, %d requests", err, time.Since(began), len(w.requests))
		}
	})
}

// refused is a request that the server refuses, for the n-th time.
func refused(n uint16) func(*pool.Want) {
	return func(want *pool.Want) {
		want.Fetch = func(context.Context) (pool.Fetched, *pool.Mark, error) {
			secret, _ := want.Secret()
			return pool.Fetched{}, &pool.Mark{Refused: true, Secret: secret, Count: n, Reason: "refused", Rest: 30}, errors.New("refused")
		}
	}
}

// TestSlowFormer: while a key is changed, the name under the earlier one that is not
// answered costs no token.
func TestSlowFormer(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		former := w.keys
		w.keyed()
		h := w.host(0)
		h.Former = former
		ask := h.Store.Ask
		h.Store.Ask = func(ctx context.Context, name string, q pool.Question) (pool.Answer, error) {
			if q.Check == former.Check() {
				return pool.Answer{}, hangs(ctx)
			}
			return ask(ctx, name, q)
		}
		began := time.Now()
		if got, err := h.obtain(nil); err != nil || got.Number == 0 || time.Since(began) > pool.LeaseTime {
			t.Errorf("%+v, %v after %v", got, err, time.Since(began))
		}
	})
}

// TestLittleTime: a call that a person gave less time than usual asks the server all the
// same; one that has waited until there is no time does not.
func TestLittleTime(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		if got, err := w.host(0).obtain(func(want *pool.Want) { want.Time = 1500 * time.Millisecond }); err != nil || got.Number == 0 {
			t.Errorf("%+v, %v", got, err)
		}
		w.store.Flush()
		w.down = true
		if got, err := w.host(0).obtain(func(want *pool.Want) { want.Time = 1500 * time.Millisecond }); err != nil || !got.Fetched {
			t.Errorf("without the store: %+v, %v", got, err)
		}
		w.down = false
		dead, kill := context.WithCancel(t.Context())
		leader := w.host(0)
		leader.Store.Renew = func(ctx context.Context, _ string, _ pool.Lease) (bool, error) { return false, hangs(ctx) }
		leader.Store.GiveUp = func(context.Context, string, pool.Lease, []byte, time.Duration) (bool, error) { return false, nil }
		go func() {
			_, _ = leader.Obtain(dead, pool.Want{Time: 6 * time.Second, Fetch: func(ctx context.Context) (pool.Fetched, *pool.Mark, error) {
				<-ctx.Done()
				return pool.Fetched{}, nil, ctx.Err()
			}})
		}()
		time.Sleep(10 * time.Millisecond)
		kill()
		before := len(w.requests)
		for _, most := range []time.Duration{2 * time.Second, 2500 * time.Millisecond} { // its lease ends in the second one
			ctx, cancel := context.WithTimeout(t.Context(), most)
			_, err := w.host(0).Obtain(ctx, pool.Want{Time: 6 * time.Second, Fetch: w.token})
			if cancel(); !errors.Is(err, pool.ErrSlow) || len(w.requests) != before {
				t.Errorf("%v: %v, %d requests", most, err, len(w.requests)-before)
			}
		}
	})
}

// TestTold: who asks next hears what the server has said to a host since it gave a token,
// and how often, also if that is over; and nothing that no keeper has said.
func TestTold(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		var told []pool.Mark
		obtain := func(next func(*pool.Want)) error {
			told = nil
			_, err := w.host(0).obtain(func(want *pool.Want) {
				want.Told = func(m pool.Mark) { told = append(told, m) }
				if next != nil {
					next(want)
				}
			})
			return err
		}
		if _ = obtain(refused(3)); told != nil {
			t.Errorf("at first: %+v", told)
		}
		if err := obtain(refused(4)); !errors.As(err, new(*pool.Hold)) || told != nil {
			t.Errorf("while it holds: %v, %+v", err, told)
		}
		time.Sleep(31 * time.Second)
		if _ = obtain(refused(4)); len(told) != 1 || told[0].Count != 3 || told[0].Rest > 0 || told[0].By != "host" {
			t.Errorf("when it is over: %+v", told)
		}
		other := func(want *pool.Want) {
			want.Secret = func() (uint16, bool) { return w.keys.SecretMark(secret.New("other")), true }
			refused(1)(want)
		}
		if _ = obtain(other); told != nil {
			t.Errorf("with another secret: %+v", told)
		}
		time.Sleep(31 * time.Second)
		if _ = obtain(refused(2)); told != nil {
			t.Errorf("of another secret: %+v", told)
		}
		time.Sleep(31 * time.Second)
		if err := obtain(nil); err != nil || len(told) != 1 || told[0].Count != 2 {
			t.Errorf("%v, %+v", err, told)
		}
		time.Sleep(time.Hour)
		if _ = obtain(refused(1)); told != nil {
			t.Errorf("after a token: %+v", told)
		}
		time.Sleep(31 * time.Second)
		w.store.Each(func(entry, mark []byte) ([]byte, []byte) { mark[len(mark)-1] ^= 1; return entry, mark })
		if err := obtain(nil); err != nil || told != nil {
			t.Errorf("a damaged one: %v, %+v", err, told)
		}
	})
}

// TestPlantedLate: a leader that was stopped takes no older token that a store gives a
// higher number.
func TestPlantedLate(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		first, err := w.host(0).obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		var old []byte
		w.store.Each(func(entry, mark []byte) ([]byte, []byte) { old = entry; return entry, mark })
		h := w.host(0)
		ask, asks := h.Store.Ask, 0
		h.Store.Ask = func(ctx context.Context, name string, q pool.Question) (pool.Answer, error) {
			a, err := ask(ctx, name, q)
			if asks++; asks > 1 {
				a = pool.Answer{Now: a.Now, Entry: old, Number: first.Number + 1_000_000}
			}
			return a, err
		}
		h.Store.Put = func(context.Context, string, pool.Lease, []byte, time.Duration) (bool, error) { return false, nil }
		got, err := h.obtain(func(want *pool.Want) { want.Have = first.Number })
		if err != nil || asks < 2 || got.Access.Equal(first.Access) {
			t.Errorf("%+v, %v, asked %d times", got, err, asks)
		}
	})
}
