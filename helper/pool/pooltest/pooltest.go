package pooltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
)

// Run tests a store. open returns another connection to the same store, for a pool of
// this name; wait lets time pass, by the store's clock.
func Run(t *testing.T, open func(t *testing.T, pool string) pool.Store, wait func(time.Duration)) {
	for _, c := range [...]struct {
		name string
		test func(*fixture)
	}{
		{"one lease", oneLease}, {"asked again", asksAgain}, {"number", numbers}, {"entry", entries}, {"lease ends", leaseEnds}, {"renew", renews},
		{"mark", marks}, {"report", reports}, {"looks only", looksOnly}, {"key", keys}, {"notes", notes}, {"context", contexts},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fixture{T: t, pool: fmt.Sprintf("t%d", started.Add(1)), open: open, wait: wait}
			c.test(f)
		})
	}
}

var started atomic.Int64

// fixture is one test: a pool that no other test uses.
type fixture struct {
	*testing.T
	pool string
	open func(t *testing.T, pool string) pool.Store
	wait func(time.Duration)
}

const name = "0123456789abcdef"

func (f *fixture) connect() *host {
	s := f.open(f.T, f.pool)
	f.Cleanup(s.Close)
	return &host{f, s}
}

// host is one connection.
type host struct {
	*fixture
	pool.Store
}

func (h *host) ask(q pool.Question) pool.Answer {
	h.Helper()
	if q.Check == "" {
		q.Check = "check"
	}
	a, err := h.Ask(h.Context(), name, q)
	if err != nil {
		h.Fatalf("ask %+v: %v", q, err)
	}
	if a.Now == 0 {
		h.Fatalf("ask %+v: no time", q)
	}
	return a
}

// lead takes the lease, which has to be free.
func (h *host) lead(word string, have int64) pool.Lease {
	h.Helper()
	a := h.ask(pool.Question{Lease: word, Have: have})
	if a.Lease == 0 {
		h.Fatalf("no lease: %+v", a)
	}
	return pool.Lease{Word: word, Number: a.Lease}
}

func (h *host) puts(l pool.Lease, value string) bool {
	h.Helper()
	ours, err := h.Put(h.Context(), name, l, []byte(value), time.Hour)
	if err != nil {
		h.Fatal(err)
	}
	return ours
}

// oneLease: of many hosts that ask at once, one gets the lease and the others wait.
func oneLease(f *fixture) {
	const hosts = 20
	var led, held atomic.Int32
	var group sync.WaitGroup
	for i := range hosts {
		h := f.connect()
		group.Go(func() {
			a, err := h.Ask(h.Context(), name, pool.Question{Check: "check", Lease: fmt.Sprint("host ", i)})
			if err != nil {
				h.Error(err)
			}
			if a.Lease != 0 {
				led.Add(1)
			}
			if a.Held {
				held.Add(1)
			}
		})
	}
	group.Wait()
	if led.Load() != 1 || held.Load() != hosts-1 {
		f.Errorf("%d lead and %d wait, of %d", led.Load(), held.Load(), hosts)
	}
}

// asksAgain: a host that has not heard the answer has the lease when it asks again.
func asksAgain(f *fixture) {
	a, b := f.connect(), f.connect()
	first := a.lead("a", 0)
	if again := a.lead("a", 0); again != first {
		f.Errorf("%+v, then %+v", first, again)
	}
	if got := b.ask(pool.Question{Lease: "b"}); !got.Held || got.Lease != 0 {
		f.Errorf("another host: %+v", got)
	}
	if !a.puts(first, "token") {
		f.Error("not put")
	}
}

// numbers: the number is the store's time, and greater than that of the token that the
// host has, and that the store has, whatever the time is.
func numbers(f *fixture) {
	a, b := f.connect(), f.connect()
	l := a.lead("a", 0)
	if now := a.ask(pool.Question{}).Now; l.Number > now || l.Number < now-60e6 {
		f.Errorf("number %d at %d", l.Number, now)
	}
	a.puts(l, "first")
	ahead := l.Number + 3600e6
	next := b.lead("b", ahead)
	if next.Number != ahead+1 {
		f.Errorf("number %d after %d", next.Number, ahead)
	}
	b.puts(next, "second")
	if last := a.lead("a", ahead+1); last.Number != ahead+2 {
		f.Errorf("number %d after %d in the store", last.Number, ahead+1)
	}
}

// entries: what was put is returned as it was, to who has an older token or none.
func entries(f *fixture) {
	a, b := f.connect(), f.connect()
	var value []byte
	for i := range 20_000 {
		value = append(value, byte(i), byte(i>>8))
	}
	l := a.lead("a", 0)
	a.puts(l, string(value))
	for _, have := range []int64{0, l.Number - 1} {
		got := b.ask(pool.Question{Have: have, Lease: "b"})
		if !bytes.Equal(got.Entry, value) || got.Number != l.Number || got.Lease != 0 {
			f.Errorf("have %d: %d bytes, number %d, lease %d", have, len(got.Entry), got.Number, got.Lease)
		}
	}
	if got := b.ask(pool.Question{Have: l.Number}); got.Entry != nil {
		f.Error("the host has this one")
	}
	if got := b.ask(pool.Question{Lease: "b", SkipEntry: l.Number}); got.Entry != nil || got.Lease == 0 {
		f.Errorf("a skipped entry: %+v", got)
	}
}

// leaseEnds: a leader that does not renew its lease is followed by another one, and what
// it does then has no effect.
func leaseEnds(f *fixture) {
	a, b := f.connect(), f.connect()
	late := a.lead("a", 0)
	if !b.ask(pool.Question{Lease: "b"}).Held {
		f.Fatal("not held")
	}
	f.wait(pool.LeaseTime + 100*time.Millisecond)
	l := b.lead("b", 0)
	if l.Number <= late.Number {
		f.Errorf("number %d after %d", l.Number, late.Number)
	}
	ours, err := a.Renew(a.Context(), name, late)
	if ours || err != nil {
		f.Errorf("renewed %v, %v", ours, err)
	}
	if ours, err = a.GiveUp(a.Context(), name, late, []byte("mark"), time.Hour); ours || err != nil {
		f.Errorf("given up %v, %v", ours, err)
	}
	if a.puts(late, "late") {
		f.Error("a late leader put a token")
	}
	if !b.puts(l, "good") || a.puts(late, "late") {
		f.Error("a late leader replaced a token")
	}
	if got := a.ask(pool.Question{}); string(got.Entry) != "good" || got.Mark != nil {
		f.Errorf("%+v", got)
	}
}

// renews: a lease holds for as long as it is renewed.
func renews(f *fixture) {
	a, b := f.connect(), f.connect()
	l := a.lead("a", 0)
	for range 3 {
		f.wait(pool.LeaseTime * 2 / 3)
		if ours, err := a.Renew(a.Context(), name, l); !ours || err != nil {
			f.Fatalf("renewed %v, %v", ours, err)
		}
		if !b.ask(pool.Question{Lease: "b"}).Held {
			f.Fatal("not held")
		}
	}
	if !a.puts(l, "token") {
		f.Error("not put")
	}
}

// marks: a mark holds others back until it ends, a token is put, or a host skips it, and is
// given to the next leader; a lease that is given up without one is free.
func marks(f *fixture) {
	a, b := f.connect(), f.connect()
	if ours, err := a.GiveUp(a.Context(), name, a.lead("a", 0), nil, 0); !ours || err != nil {
		f.Fatalf("given up %v, %v", ours, err)
	}
	l := b.lead("b", 0)
	if ours, err := b.GiveUp(b.Context(), name, l, []byte("told"), 2*time.Second); !ours || err != nil {
		f.Fatalf("given up %v, %v", ours, err)
	}
	got := a.ask(pool.Question{Lease: "a"})
	if string(got.Mark) != "told" || got.Lease != 0 || got.Until < got.Now || got.Until > got.Now+2e6 {
		f.Errorf("%+v", got)
	}
	if skipped := a.ask(pool.Question{Lease: "a", SkipMark: got.Until}); skipped.Lease == 0 || string(skipped.Past) != "told" {
		f.Errorf("a skipped mark: %+v", skipped)
	} else if !a.puts(pool.Lease{Word: "a", Number: skipped.Lease}, "token") {
		f.Error("not put")
	}
	if got := b.ask(pool.Question{Lease: "b"}); got.Mark != nil || got.Entry == nil {
		f.Errorf("a mark is left after a token: %+v", got)
	}
	after := b.ask(pool.Question{Lease: "b", Have: 1 << 52})
	if l = (pool.Lease{Word: "b", Number: after.Lease}); l.Number == 0 || len(after.Past) != 0 {
		f.Fatalf("after a token: %+v", after)
	}
	if _, err := b.GiveUp(b.Context(), name, l, []byte("told"), 2*time.Second); err != nil {
		f.Fatal(err)
	}
	f.wait(2100 * time.Millisecond)
	if got := a.ask(pool.Question{Lease: "a", Have: 1 << 52}); got.Mark != nil || got.Lease == 0 || string(got.Past) != "told" {
		f.Errorf("a mark that has ended: %+v", got)
	}
}

// reports: what a reader reports is shown with the entry, until there is a new one.
func reports(f *fixture) {
	a, reader := f.connect(), f.connect()
	l := a.lead("a", 0)
	a.puts(l, "token")
	if err := reader.Report(f.Context(), name, l.Number); err != nil {
		f.Fatal(err)
	}
	if got := a.ask(pool.Question{Lease: "a"}); got.Reported != l.Number {
		f.Errorf("reported: %d, want %d", got.Reported, l.Number)
	}
	a.puts(a.lead("a", l.Number), "next")
	if got := a.ask(pool.Question{Lease: "a"}); got.Reported != 0 {
		f.Errorf("still reported: %d", got.Reported)
	}
}

// looksOnly: who only looks gets no lease, and leaves no trace.
func looksOnly(f *fixture) {
	a, b := f.connect(), f.connect()
	if got := a.ask(pool.Question{}); got.Lease != 0 || got.Held {
		f.Errorf("%+v", got)
	}
	b.lead("b", 0)
	if got := a.ask(pool.Question{}); !got.Held {
		f.Errorf("%+v", got)
	}
}

// keys: a host with another key is told so, except while it has the former one, too.
func keys(f *fixture) {
	a := f.connect()
	a.puts(a.lead("a", 0), "token")
	_, err := a.Ask(f.Context(), name, pool.Question{Check: "other", Lease: "x"})
	wrong := new(pool.Error)
	if !errors.As(err, &wrong) || wrong.Kind != pool.Wrong {
		f.Fatalf("another key: %v", err)
	}
	for _, check := range []string{"other", "check"} {
		if _, err := a.Ask(f.Context(), name, pool.Question{Check: check, Former: "check", Lease: "x"}); err != nil {
			f.Errorf("key %s after check: %v", check, err)
		}
	}
	if _, err := a.Ask(f.Context(), name, pool.Question{Check: "other", Lease: "x"}); err != nil {
		f.Errorf("the key has been changed: %v", err)
	}
	// One that was forgotten works on, and a person is told; until the key is changed back.
	for _, latest := range []string{"other", "check"} {
		earlier := map[string]string{"other": "check", "check": "other"}[latest]
		if _, err := a.Ask(f.Context(), name, pool.Question{Check: latest, Former: earlier, Lease: "x"}); err != nil {
			f.Error(err)
		}
		if _, err := a.Ask(f.Context(), name, pool.Question{Check: earlier, Lease: "x"}); err != nil {
			f.Errorf("the earlier key %s: %v", earlier, err)
		}
		host := f.connect() // not one that read the check values before
		if _, err := host.Health(f.Context(), pool.Question{Check: earlier, Lease: "y", Latest: true}); !errors.As(err, &wrong) || wrong.Kind != pool.Wrong || !strings.Contains(wrong.Text, "others use the key "+latest) {
			f.Errorf("the earlier key %s: %v", earlier, err)
		}
		if _, err := host.Health(f.Context(), pool.Question{Check: latest, Lease: "y", Latest: true}); err != nil {
			f.Errorf("the latest key %s: %v", latest, err)
		}
	}
}

func notes(f *fixture) {
	a, b := f.connect(), f.connect()
	for i := range 5 {
		if err := a.Note(f.Context(), fmt.Append(nil, "line ", i)); err != nil {
			f.Fatal(err)
		}
	}
	lines, err := b.Notes(f.Context(), 3)
	if err != nil || len(lines) != 3 || string(lines[0]) != "line 4" || string(lines[2]) != "line 2" {
		f.Errorf("%q, %v", lines, err)
	}
}

// contexts: a call whose time is over ends, and the store works on.
func contexts(f *fixture) {
	a := f.connect()
	ended, cancel := context.WithCancel(f.Context())
	cancel()
	if _, err := a.Ask(ended, name, pool.Question{Check: "check", Lease: "a"}); err == nil {
		f.Error("answered after the end")
	}
	if _, err := a.Health(f.Context(), pool.Question{Check: "check", Lease: "a"}); err != nil {
		f.Error(err)
	}
	a.lead("a", 0)
}
