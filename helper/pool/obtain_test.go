package pool_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/secret"
)

// in runs a test in a bubble with a world.
func in(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// obtain is a call without a token at hand.
func (h *simulated) obtain(change func(*pool.Want)) (pool.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	want := pool.Want{Time: 6 * time.Second, Fetch: h.world.token, Secret: func() (uint16, bool) { return h.Keys.SecretMark(secret.New("good")), true }}
	if change != nil {
		change(&want)
	}
	return h.Obtain(ctx, want)
}

// asReader makes a host a reader with a reader's key.
func (w *world) asReader(reader secret.Text) *simulated {
	keys, err := pool.ReadKeys(reader)
	if err != nil {
		w.t.Fatal(err)
	}
	h := w.host(0)
	h.Keys, h.Reader, h.Alone = keys, true, false
	return h
}

// keyed gives a world a new key, of which the reader's is returned.
func (w *world) keyed() (reader secret.Text) {
	keeper, reader, err := pool.NewKeys()
	if err == nil {
		w.keys, err = pool.ReadKeys(keeper)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return reader
}

// TestDamaged: a value with any bit changed, or a byte more or less, is a miss, and is
// replaced.
func TestDamaged(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		first, err := w.host(0).obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		var whole []byte
		w.store.Each(func(entry, mark []byte) ([]byte, []byte) { whole = entry; return entry, mark })
		if len(whole) < 100 {
			t.Fatalf("%d bytes: the test is blind", len(whole))
		}
		bads := [][]byte{append(bytes.Clone(whole), 0), whole[:len(whole)-1]}
		for i := range 8 * len(whole) {
			bad := bytes.Clone(whole)
			bad[i/8] ^= 1 << (i % 8)
			bads = append(bads, bad)
		}
		for i, bad := range bads {
			w.store.Each(func(_, mark []byte) ([]byte, []byte) { return bad, mark })
			before := len(w.requests)
			got, err := w.host(0).obtain(nil)
			if err != nil || len(w.requests) != before+1 || got.Access.Equal(first.Access) {
				t.Fatalf("change %d: %d requests, %v", i, len(w.requests)-before, err)
			}
			w.store.Each(func(_, mark []byte) ([]byte, []byte) { return whole, mark })
		}
		if got, err := w.host(0).obtain(nil); err != nil || !got.Access.Equal(first.Access) {
			t.Errorf("the value as it was: %v", err)
		}
	})
}

// TestForged: with a reader's key nobody makes a token, a mark or a number that a host
// takes.
func TestForged(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		reader := w.keyed()
		good, err := w.host(0).obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		// The forger signs with a key of its own, and has the pool's sealing key.
		forger := forgedKeys(t, reader)
		forged := w.host(0)
		forged.Keys = forger
		ctx := context.Background()
		evil := func(context.Context) (pool.Fetched, *pool.Mark, error) {
			return pool.Fetched{Access: secret.New("planted"), Life: time.Hour}, nil, nil
		}
		told := func(context.Context) (pool.Fetched, *pool.Mark, error) {
			return pool.Fetched{}, &pool.Mark{Refused: true, Secret: w.keys.SecretMark(secret.New("good")), Reason: "planted", Rest: 600}, errors.New("planted")
		}
		for _, fetch := range []func(context.Context) (pool.Fetched, *pool.Mark, error){evil, told} {
			// The key check does not stop a forger: it writes what the others wrote.
			w.store.SetCheck(forger.Check())
			_, _ = forged.Obtain(ctx, pool.Want{Time: 6 * time.Second, Have: good.Number, Fetch: fetch})
			w.store.SetCheck(w.keys.Check())
			for _, h := range []*simulated{w.host(0), w.asReader(reader)} {
				got, err := h.obtain(nil)
				switch none := new(pool.NoKeeper); {
				case err == nil && got.Access.Reveal() != "planted":
				case h.Reader && errors.As(err, &none):
				default:
					t.Errorf("reader %v: %q, %v", h.Reader, got.Access.Reveal(), err)
				}
			}
			if good, err = w.host(0).obtain(nil); err != nil {
				t.Fatal(err)
			}
		}
		// A number that is not that of the sealed token.
		before := len(w.requests)
		w.store.SetNumber(1 << 52)
		got, err := w.host(0).obtain(func(want *pool.Want) { want.Have = good.Number })
		if err != nil || len(w.requests) != before+1 || got.Number <= good.Number {
			t.Errorf("a forged number: %d requests, number %d after %d, %v", len(w.requests)-before, got.Number, good.Number, err)
		}
	})
}

// forgedKeys are keeper's keys that somebody makes who has a reader's.
func forgedKeys(t *testing.T, reader secret.Text) *pool.Keys {
	const word, length = "credhelper-pool-reader-1-", 64
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(reader.Reveal(), word))
	if err != nil || len(b) != length {
		t.Fatal(err, len(b))
	}
	for i := range 32 {
		b[i] = 7
	}
	keys, err := pool.ReadKeys(secret.New("credhelper-pool-keeper-1-" + base64.RawURLEncoding.EncodeToString(b)))
	if err != nil || !keys.CanSign() {
		t.Fatal(err)
	}
	return keys
}

// TestMoved: a token under the name of another one is a miss.
func TestMoved(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		for i := range 2 {
			if _, err := w.host(0).obtain(func(want *pool.Want) { want.Digest[0] = byte(i) }); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.requests) != 2 {
			t.Fatalf("%d requests", len(w.requests))
		}
		var first []byte
		w.store.Each(func(entry, mark []byte) ([]byte, []byte) {
			if first == nil {
				first = entry
			}
			return first, mark
		})
		for i := range 2 {
			if _, err := w.host(0).obtain(func(want *pool.Want) { want.Digest[0] = byte(i) }); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.requests) != 3 {
			t.Errorf("%d requests, want 3", len(w.requests))
		}
	})
}

// TestKeys: keys of a wrong form or length are refused, and none is quoted.
func TestKeys(t *testing.T) {
	keeper, reader, err := pool.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	a, errA := pool.ReadKeys(keeper)
	b, errB := pool.ReadKeys(reader)
	if errA != nil || errB != nil || !a.CanSign() || b.CanSign() || a.Check() != b.Check() {
		t.Fatalf("%v %v", errA, errB)
	}
	k := keeper.Reveal()
	for _, bad := range []string{"", "x", k[:len(k)-1], k + "A", strings.ToUpper(k), strings.Replace(k, "keeper", "reader", 1)[:40], hex.EncodeToString(make([]byte, 32))} {
		if _, err := pool.ReadKeys(secret.New(bad)); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	text := fmt.Sprint(a.Check(), a.Fingerprint(secret.New("t")))
	if len(text) != 24 || strings.Contains(k, a.Check()) {
		t.Error(text)
	}
}

// TestRefusalTravels: what one host was told holds the others back, unless their secret
// is another one; and a token ends it for all.
func TestRefusalTravels(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		bad := w.keys.SecretMark(secret.New("bad"))
		refusals := 0
		withBad := func(want *pool.Want) {
			want.Secret = func() (uint16, bool) { return bad, true }
			want.Fetch = func(context.Context) (pool.Fetched, *pool.Mark, error) {
				refusals++
				return pool.Fetched{}, &pool.Mark{Secret: bad, Refused: true, Reason: "401 invalid_client", Hint: "rotate", Rest: 60, Count: 3}, errors.New("refused here")
			}
		}
		if _, err := w.host(0).obtain(withBad); err == nil || err.Error() != "refused here" {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(3 * time.Second)
			_, err := w.host(time.Hour).obtain(withBad)
			held := new(pool.Hold)
			if !errors.As(err, &held) || held.Mark.Reason != "401 invalid_client" || held.Mark.Hint != "rotate" || held.Mark.By != "host" || held.Mark.Count != 3 || held.Mark.Rest > 60 || held.Mark.Age > 31 {
				t.Fatalf("%v %+v", err, held.Mark)
			}
		}
		if refusals != 1 {
			t.Fatalf("%d refused logins, want 1", refusals)
		}
		// One host has the corrected secret. The others follow, with the bad one.
		if _, err := w.host(0).obtain(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.host(0).obtain(withBad); err != nil || refusals != 1 || len(w.requests) != 1 {
			t.Errorf("%v, %d refusals, %d requests", err, refusals, len(w.requests))
		}
	})
}

// TestWaitTravels: a wait that the server asked for holds for all hosts, and not for a
// person who asks anyway; it ends.
func TestWaitTravels(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		busy := func(want *pool.Want) {
			want.Fetch = func(context.Context) (pool.Fetched, *pool.Mark, error) {
				return pool.Fetched{}, &pool.Mark{Asked: true, Reason: "429", Rest: 20}, errors.New("429")
			}
		}
		if _, err := w.host(0).obtain(busy); err == nil {
			t.Fatal("no error")
		}
		if _, err := w.host(0).obtain(nil); !errors.As(err, new(*pool.Hold)) {
			t.Fatal(err)
		}
		if _, err := w.host(0).obtain(func(want *pool.Want) { want.Anyway = true; busy(want) }); err == nil || err.Error() != "429" {
			t.Fatal(err)
		}
		time.Sleep(21 * time.Second)
		if _, err := w.host(0).obtain(nil); err != nil {
			t.Fatal(err)
		}
	})
}

// TestReportedTogether: of fifty hosts whose token is refused, one asks.
func TestReportedTogether(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		first, err := w.host(0).obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 50 {
			h := w.host(0)
			all.Go(func() {
				got, err := h.obtain(func(want *pool.Want) {
					if want.Refused = first.Access; i%2 == 0 { // the others do not know its number
						want.Have = first.Number
					}
				})
				if err != nil || got.Access.Equal(first.Access) || got.Number <= first.Number {
					t.Errorf("%v, number %d after %d", err, got.Number, first.Number)
				}
			})
		}
		all.Wait()
		if len(w.requests) != 2 {
			t.Errorf("%d requests, want 2", len(w.requests))
		}
	})
}

// TestReader: a reader takes what there is, asks nobody, and says who could; what it
// reports a keeper heeds, but not before the margin is over.
func TestReader(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		reader := w.asReader(w.keyed())
		if _, err := reader.obtain(nil); !errors.As(err, new(*pool.NoKeeper)) {
			t.Fatalf("%v", err)
		}
		first, err := w.host(0).obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := reader.obtain(nil)
		if err != nil || !got.Access.Equal(first.Access) || got.Fetched {
			t.Fatalf("%+v, %v", got, err)
		}
		report := func(want *pool.Want) { want.Have, want.Report = got.Number, true }
		for range 5 {
			none := new(pool.NoKeeper)
			if _, err := reader.obtain(report); !errors.As(err, &none) {
				t.Fatal(err)
			}
			if again, err := w.host(0).obtain(nil); err != nil || again.Number != first.Number {
				t.Fatalf("replaced too soon: %v", err)
			}
		}
		time.Sleep(6 * time.Minute)
		next, err := w.host(0).obtain(nil)
		if err != nil || next.Number == first.Number || len(w.requests) != 2 {
			t.Fatalf("%d requests, %v", len(w.requests), err)
		}
		if got, err = reader.obtain(report); err != nil || !got.Access.Equal(next.Access) {
			t.Fatalf("%v", err)
		}
		time.Sleep(time.Hour)
		none := new(pool.NoKeeper)
		if _, err := reader.obtain(nil); !errors.As(err, &none) || none.Last != "host" {
			t.Fatalf("%v %+v", err, none)
		}
		if len(w.requests) != 2 {
			t.Errorf("%d requests", len(w.requests))
		}
	})
}

// silent lets the store answer nothing.
func (w *world) silent() {
	w.store.Fail = func(ctx context.Context) error {
		<-ctx.Done()
		return &pool.Error{Kind: pool.Silent, Text: "no answer"}
	}
}

// TestSlowIsNotLost: a store is lost after four seconds of silence, or at once if it
// refuses; this is remembered, and never decided with a good token at hand.
func TestSlowIsNotLost(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(*world)
		took time.Duration
	}{
		{"silent", (*world).silent, 4 * time.Second},
		{"refuses", func(w *world) { w.down = true }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T, w *world) {
				h := w.host(0)
				first, err := h.obtain(nil)
				if err != nil {
					t.Fatal(err)
				}
				works := w.store.Fail
				c.lose(w)
				atHand := func(want *pool.Want) {
					want.Have, want.AtHand, want.AloneFrom = first.Number, true, h.Now().Add(time.Hour)
				}
				lost := new(pool.StoreLost)
				if _, err := h.obtain(atHand); !errors.As(err, &lost) || lost.Loss.Until != 0 || h.loss.Count != 0 || len(w.requests) != 1 {
					t.Fatalf("with a token at hand: %v %+v, %d requests, %+v", err, lost, len(w.requests), h.loss)
				}
				began := time.Now()
				got, err := h.obtain(nil)
				took := time.Since(began) - w.latency
				if err != nil || !got.Fetched || got.Number != 0 || got.Unshared == "" || took < c.took || took > c.took+200*time.Millisecond {
					t.Fatalf("%+v, %v, after %v", got, err, took)
				}
				began = time.Now()
				if _, err = h.obtain(nil); err != nil || time.Since(began) != w.latency {
					t.Errorf("the next call: %v, after %v", err, time.Since(began))
				}
				time.Sleep(11 * time.Second)
				w.store.Fail, w.down = works, false
				if got, err = h.obtain(nil); err != nil || got.Number != first.Number || h.loss.Count != 0 {
					t.Errorf("the store is back: %+v, %v, %+v", got, err, h.loss)
				}
			})
		})
	}
}

// TestLostFails: with lost = "fail", and for a reader, there is no token without the
// store; nor is there one when there is no time to ask for it.
func TestLostFails(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		reader := w.asReader(w.keyed())
		w.silent()
		fails, late := w.host(0), w.host(0)
		fails.Alone = false
		for name, h := range map[string]*simulated{"fail": fails, "reader": reader, "late": late} {
			began := time.Now()
			_, err := h.obtain(func(want *pool.Want) {
				if h == late {
					want.Time = time.Second
				}
			})
			if !errors.As(err, new(*pool.StoreLost)) || time.Since(began) > 4500*time.Millisecond || len(w.requests) > 0 {
				t.Errorf("%s: %v after %v, %d requests", name, err, time.Since(began), len(w.requests))
			}
		}
	})
}

// TestSilentAndSlow: with a store that is silent and a server that takes three seconds,
// the call ends in time, with a token or with a reason.
func TestSilentAndSlow(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.silent()
		w.latency = 3 * time.Second
		began := time.Now()
		got, err := w.host(0).obtain(nil)
		if took := time.Since(began); err == nil || took > 6*time.Second || got.Unshared != "it does not answer" {
			t.Errorf("%v after %v: %q", err, took, got.Unshared)
		}
		w.latency = 1900 * time.Millisecond
		if _, err = w.host(0).obtain(nil); err != nil {
			t.Error(err)
		}
	})
}

// TestSilentAtHand: a host with a good token gives a silent store a second, and does not
// blame the server, for which there was no time.
func TestSilentAtHand(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.silent()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.host(0).Obtain(ctx, pool.Want{Time: 6 * time.Second, AtHand: true, Fetch: w.token})
		if lost := new(pool.StoreLost); !errors.As(err, &lost) || lost.Loss.Text != "it does not answer" || len(w.requests) != 0 {
			t.Errorf("%v, %d requests", err, len(w.requests))
		}
	})
}

// TestSilentAtTheEnd: a store that falls silent while the server is asked does not cost the
// call its token, however little time is left.
func TestSilentAtTheEnd(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		h := w.host(0)
		h.Store.Put = func(ctx context.Context, _ string, _ pool.Lease, _ []byte, _ time.Duration) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		}
		for latency, most := range map[time.Duration]time.Duration{time.Second: 2 * time.Second, 2500 * time.Millisecond: 3 * time.Second, 2950 * time.Millisecond: 3150 * time.Millisecond} {
			w.latency = latency
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			began := time.Now()
			got, err := h.Obtain(ctx, pool.Want{Time: 6 * time.Second, Anyway: true, Fetch: w.token, Secret: func() (uint16, bool) { return 0, true }})
			cancel()
			if took := time.Since(began); err != nil || got.Unshared == "" || took > most {
				t.Errorf("%v: %+v, %v after %v", latency, got, err, took)
			}
			time.Sleep(pool.LeaseTime)
		}
	})
}

// TestStoppedLeader: a leader that was stopped, while it asks the server or while it puts
// the token into the store, is followed by another one after its lease; when it goes on, it
// cannot replace the newer token, and takes it.
func TestStoppedLeader(t *testing.T) {
	const stop = 5 * time.Second
	for name, stopped := range map[string]func(s *pool.Store, want *pool.Want){
		"asks": func(_ *pool.Store, want *pool.Want) {
			fetch := want.Fetch
			want.Fetch = func(ctx context.Context) (pool.Fetched, *pool.Mark, error) {
				f, m, err := fetch(ctx)
				time.Sleep(stop)
				return f, m, err
			}
		},
		"puts": func(s *pool.Store, _ *pool.Want) {
			put := s.Put
			s.Put = func(ctx context.Context, name string, l pool.Lease, sealed []byte, keep time.Duration) (bool, error) {
				time.Sleep(stop)
				return put(ctx, name, l, sealed, keep)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, w *world) {
				a, b := w.host(0), w.host(0)
				a.Store.Renew = func(ctx context.Context, name string, l pool.Lease) (bool, error) { // it runs no more
					<-ctx.Done()
					return false, ctx.Err()
				}
				var late pool.Token
				var err error
				done := make(chan struct{})
				go func() {
					late, err = a.obtain(func(want *pool.Want) { stopped(&a.Store, want) })
					close(done)
				}()
				time.Sleep(time.Second)
				began := time.Now()
				next, bErr := b.obtain(nil)
				if took := time.Since(began); bErr != nil || took < 2*time.Second || took > 3*time.Second {
					t.Errorf("%v, after %v", bErr, took)
				}
				<-done
				if err != nil || !late.Access.Equal(next.Access) || late.Unshared != "" || len(w.requests) != 2 {
					t.Errorf("%v, %d requests, the same token: %v", err, len(w.requests), late.Access.Equal(next.Access))
				}
				if got, err := w.host(0).obtain(nil); err != nil || got.Number != next.Number {
					t.Errorf("%v, number %d, want %d", err, got.Number, next.Number)
				}
			})
		})
	}
}

// TestSlowServer: a leader that renews its lease is not followed, and the others wait.
func TestSlowServer(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		w.latency = 5 * time.Second
		var all sync.WaitGroup
		for range 20 {
			h := w.host(0)
			all.Go(func() {
				if _, err := h.obtain(nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(w.requests) != 1 {
			t.Errorf("%d requests", len(w.requests))
		}
		w.latency = time.Hour
		begin := time.Now()
		_, err := w.host(0).obtain(func(want *pool.Want) { want.Have = 1 << 52 })
		if err == nil || time.Since(begin) > 6100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// TestKeyChange: while a key is changed, hosts with the new one use what those with the
// old one have; a host with neither is told.
func TestKeyChange(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		before := w.keys
		first, err := w.host(0).obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.keyed()
		wrong := new(pool.Error)
		if _, err := w.host(0).obtain(nil); !errors.As(err, &wrong) || wrong.Kind != pool.Wrong ||
			!strings.Contains(err.Error(), w.keys.Check()) || !strings.Contains(err.Error(), before.Check()) {
			t.Fatalf("another key: %v", err)
		}
		changed := w.host(0)
		changed.Former = before
		if got, err := changed.obtain(nil); err != nil || !got.Access.Equal(first.Access) {
			t.Fatalf("during the change: %v", err)
		}
		if _, err := changed.obtain(func(want *pool.Want) { want.Have = first.Number }); err != nil || len(w.requests) != 2 {
			t.Fatalf("%d requests, %v", len(w.requests), err)
		}
		if _, err := w.host(0).obtain(nil); err != nil || len(w.requests) != 2 {
			t.Fatalf("after the change: %d requests, %v", len(w.requests), err)
		}
	})
}

// TestNotes: the pool's log says who fetched, and tells a refusal and a failure apart.
func TestNotes(t *testing.T) {
	in(t, func(t *testing.T, w *world) {
		h := w.host(0)
		got, err := h.obtain(nil)
		if err != nil {
			t.Fatal(err)
		}
		notes, err := h.Notes(context.Background(), 10)
		if err != nil || len(notes) != 1 || notes[0].Host != "host" || notes[0].Text != "fetched" || notes[0].Number != got.Number || time.Since(notes[0].Time) > time.Minute {
			t.Errorf("%+v, %v", notes, err)
		}
		for want, mark := range map[string]pool.Mark{"failed: 503": {Reason: "503", Rest: 5}, "refused: 401": {Reason: "401", Refused: true, Rest: 5}} {
			_, _ = h.obtain(func(want *pool.Want) {
				want.Anyway, want.Have = true, got.Number
				want.Fetch = func(context.Context) (pool.Fetched, *pool.Mark, error) {
					return pool.Fetched{}, &mark, errors.New(mark.Reason)
				}
			})
			if notes, err := h.Notes(context.Background(), 1); err != nil || len(notes) != 1 || notes[0].Text != want {
				t.Errorf("%+v, %v, want %s", notes, err, want)
			}
		}
	})
}

// TestAsksLater: a store that asks to wait is not asked before that time, and what it said is
// the reason if it says so until the end.
func TestAsksLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		h := w.host(0)
		h.Alone = false
		var asked []time.Time
		w.store.Fail = func(context.Context) error {
			asked = append(asked, time.Now())
			return &pool.Error{Kind: pool.Silent, Text: "it asks to wait", After: time.Second}
		}
		_, err := h.Obtain(t.Context(), pool.Want{Time: 6 * time.Second, Fetch: w.token})
		lost := new(pool.StoreLost)
		if !errors.As(err, &lost) || lost.Loss.Text != "it asks to wait" || len(asked) < 2 || len(asked) > 4 {
			t.Errorf("%v, asked %d times", err, len(asked))
		}
		asked = asked[:1]
		h.Store.Ask = func(context.Context, string, pool.Question) (a pool.Answer, err error) {
			asked = append(asked, time.Now())
			return a, &pool.Error{Kind: pool.Silent, Text: "it asks to wait for an hour", After: time.Hour}
		}
		h.Memory.Clear()
		began := time.Now()
		_, err = h.Obtain(t.Context(), pool.Want{Time: 6 * time.Second, Fetch: w.token})
		if !errors.As(err, &lost) || lost.Loss.Text != "it asks to wait for an hour" || len(asked) != 2 || time.Since(began) > time.Second {
			t.Errorf("%v after %v, asked %d times", err, time.Since(began), len(asked))
		}
		for i := range asked[1:] {
			if pause := asked[i+1].Sub(asked[i]); pause < time.Second {
				t.Errorf("asked again after %v", pause)
			}
		}
	})
}
