package pool_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestHostile: whoever runs the store can say what he likes: no token lives longer for it,
// no number is so high that none comes after it, and no host asks for ever. A host that
// may do without the store does, and the others end.
func TestHostile(t *testing.T) {
	for name, lie := range map[string]func(a *pool.Answer, asks int){
		"a time that overflows":     func(a *pool.Answer, _ int) { a.Now = math.MaxInt64 },
		"no time":                   func(a *pool.Answer, _ int) { a.Now = 0 },
		"a time before all":         func(a *pool.Answer, _ int) { a.Now = math.MinInt64 },
		"a time whose product is 0": func(a *pool.Answer, _ int) { a.Now += 1 << 61 },
		"an endless number":         func(a *pool.Answer, _ int) { *a = pool.Answer{Now: a.Now, Lease: math.MaxInt64} },
		"a number far away":         func(a *pool.Answer, _ int) { *a = pool.Answer{Now: a.Now, Lease: 1 << 53} },
		"a negative number":         func(a *pool.Answer, _ int) { *a = pool.Answer{Now: a.Now, Lease: -1} },
		"an old number":             func(a *pool.Answer, _ int) { *a = pool.Answer{Now: a.Now, Lease: 7} },
		"other entries":             func(a *pool.Answer, n int) { *a = pool.Answer{Now: a.Now, Number: int64(n), Entry: []byte("CRP1E")} },
		"other marks":               func(a *pool.Answer, n int) { *a = pool.Answer{Now: a.Now, Until: int64(n), Mark: []byte("CRP2M")} },
		"an entry cut short":        func(a *pool.Answer, n int) { a.Number, a.Entry = int64(n), a.Entry[:len(a.Entry)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, w *world) {
				first, err := w.host(0).obtain(nil)
				if err != nil {
					t.Fatal(err)
				}
				asks := 0
				hostile := func(alone bool) *simulated {
					h := w.host(0)
					ask := h.Store.Ask
					h.Alone, h.Store.Ask = alone, func(ctx context.Context, name string, q pool.Question) (pool.Answer, error) {
						asks++
						a, err := ask(ctx, name, q)
						lie(&a, asks)
						return a, err
					}
					return h
				}
				later := func(want *pool.Want) { want.Have = first.Number - 1 }
				got, err := hostile(true).obtain(later)
				if err != nil || got.Number != 0 || got.Rest > w.life || len(w.requests) != 2 || asks > 30 {
					t.Errorf("alone: %+v, %v, %d requests, asked %d times", got, err, len(w.requests), asks)
				}
				if _, err := hostile(false).obtain(later); !errors.As(err, new(*pool.StoreLost)) || len(w.requests) != 2 || asks > 60 {
					t.Errorf("%v, %d requests, asked %d times", err, len(w.requests), asks)
				}
				if got, err := w.host(0).obtain(func(want *pool.Want) { want.Have = first.Number }); err != nil || got.Number <= first.Number {
					t.Errorf("afterwards: %+v, %v", got, err)
				}
			})
		})
	}
}

// TestPlanted: a keeper that was taken over can give the others a token, but none with
// which a header could be forged.
func TestPlanted(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		for _, bad := range []string{"a\r\nHost: evil", "a b", "", "a\x00", "é"} {
			_, err := w.host(0).obtain(func(want *pool.Want) {
				want.Fetch = func(context.Context) (pool.Fetched, *pool.Mark, error) {
					return pool.Fetched{Access: secret.New(bad), Life: time.Hour}, nil, nil
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			before := len(w.requests)
			if got, err := w.host(0).obtain(nil); err != nil || got.Access.Reveal() == bad || len(w.requests) != before+1 {
				t.Errorf("%q: %q, %v", bad, got.Access.Reveal(), err)
			}
			w.store.Flush()
		}
	})
}

// TestForgedNotes: a line of the pool's log that no keeper signed is left out.
func TestForgedNotes(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		reader := w.keyed()
		if _, err := w.host(0).obtain(nil); err != nil {
			t.Fatal(err)
		}
		forged := w.host(0)
		forged.Keys = forgedKeys(t, reader)
		w.store.SetCheck(forged.Keys.Check())
		if _, err := forged.obtain(func(want *pool.Want) { want.Digest[0] = 1 }); err != nil {
			t.Fatal(err)
		}
		for _, h := range []*simulated{w.host(0), w.asReader(reader)} {
			if notes, err := h.Notes(context.Background(), 10); err != nil || len(notes) != 1 {
				t.Errorf("%+v, %v", notes, err)
			}
		}
		if notes, err := forged.Notes(context.Background(), 10); err != nil || len(notes) != 1 {
			t.Errorf("the forged line: %+v, %v: the test is blind", notes, err)
		}
	})
}
