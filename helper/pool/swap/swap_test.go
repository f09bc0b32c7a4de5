package swap_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/pool/swap"
)

// TestStore runs the tests of all stores, in which nobody waits.
func TestStore(t *testing.T) {
	var passed atomic.Int64
	now := func() time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(passed.Load())) }
	wait := func(d time.Duration) { passed.Add(int64(d)) }
	all := map[string]*pooltest.Table{}
	pooltest.Run(t, func(_ *testing.T, name string) pool.Store {
		if all[name] == nil {
			all[name] = &pooltest.Table{Now: now}
		}
		return all[name].Store()
	}, wait)
}

func lead(t *testing.T, s pool.Store, word string) pool.Answer {
	t.Helper()
	a, err := s.Ask(t.Context(), "name", pool.Question{Check: "c", Lease: word})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestTakeover: a host that has watched a lease takes it when it has not changed for its
// time, whatever the store's clock does; one that comes later takes it when the store's
// clock has passed its end. A lease that is renewed is nobody else's.
func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pooltest.Table{}
		dead, watches := b.Store(), b.Store()
		lease := pool.Lease{Word: "dead", Number: lead(t, dead, "dead").Lease}
		b.Ahead = -1900 * time.Millisecond // as another server of the same store
		for range 4 {
			time.Sleep(time.Second)
			if ours, err := dead.Renew(t.Context(), "name", lease); !ours || err != nil {
				t.Fatalf("renewed %v, %v", ours, err)
			}
			if !lead(t, watches, "watches").Held {
				t.Fatal("a lease that is renewed was taken")
			}
		}
		time.Sleep(pool.LeaseTime)
		if a := lead(t, watches, "watches"); a.Lease == 0 {
			t.Errorf("not taken: %+v", a)
		}
		late := b.Store()
		if !lead(t, late, "late").Held {
			t.Error("not held")
		}
		time.Sleep(pool.LeaseTime + 2*time.Second)
		late = b.Store()
		if a := lead(t, late, "late"); a.Lease == 0 {
			t.Errorf("not taken by the clock: %+v", a)
		}
	})
}

// TestLostAnswer: a lease that the store has given, although its answer got lost, is
// still this host's.
func TestLostAnswer(t *testing.T) {
	b := &pooltest.Table{}
	lost := false
	b.Lose = func(key string) bool {
		again := key == "name" && !lost
		lost = lost || again
		return again
	}
	s := b.Store()
	broke := new(pool.Error)
	if _, err := s.Ask(t.Context(), "name", pool.Question{Check: "c", Lease: "a"}); !errors.As(err, &broke) {
		t.Fatalf("%v", err)
	}
	a := lead(t, s, "a")
	if a.Lease == 0 {
		t.Fatalf("%+v", a)
	}
	if ours, err := s.Put(t.Context(), "name", pool.Lease{Word: "a", Number: a.Lease}, []byte("token"), time.Hour); !ours || err != nil {
		t.Errorf("put %v, %v", ours, err)
	}
}

// TestNeverSaved: a store that refuses each change, or does not store what it says it does,
// is told so, and is not asked without a pause.
func TestNeverSaved(t *testing.T) {
	for _, says := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			s := swap.Store(swap.Backend{
				Load: func(_ context.Context, keys ...string) ([]swap.Value, int64, error) {
					return make([]swap.Value, len(keys)), time.Now().UnixMicro(), nil
				},
				Save: func(context.Context, string, swap.Value, []byte) (bool, error) { asked++; return says, nil },
				Now:  time.Now,
			})
			began := time.Now()
			_, err := s.Ask(t.Context(), "name", pool.Question{Check: "c", Lease: "w"})
			known := new(pool.Error)
			if !errors.As(err, &known) || known.Kind != pool.Silent || known.Text != "it takes no change: others always seem to be faster" {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); asked > 20 || took < 200*time.Millisecond || took > 3*time.Second {
				t.Errorf("asked %d times in %v", asked, took)
			}
		})
	}
}

// TestNoTimeToSave: a call whose time is over between two tries ends with the reason, as an
// error of the store.
func TestNoTimeToSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := swap.Store(swap.Backend{
			Load: func(_ context.Context, keys ...string) ([]swap.Value, int64, error) {
				return make([]swap.Value, len(keys)), time.Now().UnixMicro(), nil
			},
			Save: func(context.Context, string, swap.Value, []byte) (bool, error) { return false, nil },
			Now:  time.Now,
		})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Ask(ctx, "name", pool.Question{Check: "c", Lease: "w"}); !errors.As(err, new(*pool.Error)) {
			t.Errorf("%v", err)
		}
	})
}

// TestClockBack: a store whose clock went back does not know how old its token is; its
// number still grows. A second or two between its servers do not matter.
func TestClockBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pooltest.Table{}
		s := b.Store()
		first := lead(t, s, "a").Lease
		if ours, err := s.Put(t.Context(), "name", pool.Lease{Word: "a", Number: first}, []byte("token"), time.Hour); !ours || err != nil {
			t.Fatal(ours, err)
		}
		b.Ahead = -1500 * time.Millisecond
		if a := lead(t, s, "b"); string(a.Entry) != "token" {
			t.Errorf("%+v", a)
		}
		b.Ahead = -time.Hour
		if a := lead(t, s, "b"); a.Entry != nil || a.Lease <= first {
			t.Errorf("%+v after %d", a, first)
		}
	})
}

// TestAge: a token is never thought younger than it is, although the store's time has
// whole seconds.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pooltest.Table{}
		s := b.Store()
		l := lead(t, s, "a")
		made := time.Now()
		if ours, err := s.Put(t.Context(), "name", pool.Lease{Word: "a", Number: l.Lease}, []byte("token"), time.Hour); !ours || err != nil {
			t.Fatal(ours, err)
		}
		for range 50 {
			time.Sleep(70 * time.Millisecond)
			age := time.Duration(lead(t, s, "").Now-l.Now) * time.Microsecond
			if truly := time.Since(made); age < truly || age > truly+2*time.Second {
				t.Errorf("%v, truly %v", age, truly)
			}
		}
	})
}

// TestExpired: what is over may be removed, and nothing else.
func TestExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &pooltest.Table{}
		s := b.Store()
		l := lead(t, s, "a")
		if ours, err := s.Put(t.Context(), "name", pool.Lease{Word: "a", Number: l.Lease}, []byte("token"), time.Hour); !ours || err != nil {
			t.Fatal(ours, err)
		}
		if err := errors.Join(s.Report(t.Context(), "name", l.Lease), s.Note(t.Context(), []byte("line"))); err != nil {
			t.Fatal(err)
		}
		lead(t, s, "") // leaves nothing
		for _, c := range []struct {
			after time.Duration
			want  map[string]bool
		}{
			{0, map[string]bool{"name": false, "name.reported": false, "check": false, "log": false}},
			{20 * time.Minute, map[string]bool{"name": false, "name.reported": true, "check": false, "log": false}},
			{2 * time.Hour, map[string]bool{"name": true, "name.reported": true, "check": false, "log": false}},
		} {
			now := time.Now().Add(c.after).UnixMicro()
			for key, want := range c.want {
				if got := swap.Expired(key, b.Values()[key].Bytes, now); got != want {
					t.Errorf("%s after %v: %v", key, c.after, got)
				}
			}
			if len(b.Values()) != len(c.want) {
				t.Errorf("%d values", len(b.Values()))
			}
		}
	})
}
