// Package swap makes the store of a pool of one that can only replace a value if nobody
// has changed it meanwhile: compare-and-swap. What package redis does in scripts, it
// does here: read, decide, replace, and begin again if somebody was faster.
//
// Such stores tell their time in the Date of their answers, in seconds. So a lease is
// over when they say so, or when it has not changed for its time by the clock of the host
// that waits, whichever is first.
package swap

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/retryafter"
)

// Backend is such a store. Keys are CheckKey, that of the log, names, and names with
// ReportedSuffix: letters, digits and dots. Errors are *pool.Error, or those of the context.
type Backend struct {
	// Load returns what is at keys, and the store's time in microseconds, as in pool.Store.
	Load func(ctx context.Context, keys ...string) (values []Value, now int64, err error)
	// Save replaces the value at a key if it is still the one that was loaded. If somebody
	// has changed it, it returns false.
	Save func(ctx context.Context, key string, from Value, to []byte) (saved bool, err error)
	// Warning says what a person should know about the store; nil: nothing.
	Warning func(ctx context.Context) string
	Close   func()

	Precision time.Duration    // of the store's time, which is rounded down
	MostNotes int              // lines of the pool's log that are kept
	Now       func() time.Time // this host's clock
}

// Value is what is at a key.
type Value struct {
	Bytes   []byte // nil: nothing
	Version string // changes with the bytes; Save compares it
}

// CheckKey is the key of the check values of keys, which only keepers change. Readers
// change only keys with ReportedSuffix.
const (
	CheckKey       = "check"
	logKey         = "log"
	ReportedSuffix = ".reported"
)

// Store returns the backend as a store.
func Store(b Backend) pool.Store {
	s := &store{Backend: b, leases: map[string]seen{}}
	return pool.Store{Ask: s.ask, Renew: s.renew, Put: s.put, GiveUp: s.giveUp, Report: s.report,
		Note: s.note, Notes: s.notes, Health: s.health, Close: b.Close}
}

type store struct {
	Backend

	mu     sync.Mutex
	leases map[string]seen
}

// seen is a lease of another host, as this one saw it first.
type seen struct {
	lease string
	beat  int64
	at    time.Time
}

// idle reports whether the lease of a name has not changed for its time while this host
// has watched it.
func (s *store) idle(name string, r record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.leases[name]
	if r.lease == "" || !known || last.lease != r.lease || last.beat != r.beat {
		s.leases[name] = seen{r.lease, r.beat, s.Now()}
		return false
	}
	return s.Now().Sub(last.at) >= pool.LeaseTime
}

// again calls step until it is done: that is not the case if somebody else changed a value
// between its being read and replaced.
func again(ctx context.Context, step func() (done bool, err error)) error {
	for turn := 0; ; turn++ {
		done, err := step()
		switch {
		case done || err != nil:
			return err
		case turn >= mostTurns || !pause(ctx, turn):
			return errConflicts
		}
	}
}

// mostTurns is how often a change is tried, in about a second: more hosts do not compete for
// one value. The caller may begin again.
const mostTurns = 15

var errConflicts = &pool.Error{Kind: pool.Silent, Text: "it takes no change: others always seem to be faster", Hint: "who else writes to it, and does it store what it is told to?"}

// pause waits for a random time, so that hosts do not meet again.
func pause(ctx context.Context, turn int) bool {
	var b [1]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	longest := min(4*time.Millisecond<<min(turn, 6), 200*time.Millisecond)
	return retryafter.Wait(ctx, longest*time.Duration(1+int(b[0]))/256) == nil && ctx.Err() == nil
}

func (s *store) ask(ctx context.Context, name string, q pool.Question) (a pool.Answer, err error) {
	err = again(ctx, func() (done bool, err error) {
		a, done, err = s.askOnce(ctx, name, q)
		return done, err
	})
	return a, err
}

func (s *store) askOnce(ctx context.Context, name string, q pool.Question) (a pool.Answer, done bool, err error) {
	values, now, err := s.Load(ctx, name, name+ReportedSuffix, CheckKey)
	if err != nil {
		return a, false, err
	}
	write, err := q.Checked(checks(values[2].Bytes))
	if err != nil {
		return a, false, err
	}
	if write && q.Lease != "" {
		_, err := s.Save(ctx, CheckKey, values[2], addCheck(values[2].Bytes, q))
		return a, false, err
	}
	r := decode(values[0].Bytes)
	a, changed := r.ask(q, now, s.Precision.Microseconds(), s.idle(name, r))
	if number, _ := decodeReport(values[1].Bytes); a.Entry != nil && number == a.Number {
		a.Reported = number
	}
	if !changed || q.Lease == "" {
		return a, true, nil
	}
	saved, err := s.Save(ctx, name, values[0], r.encode())
	if a.Lease == 0 { // only the time was noted, for hosts that come later
		return a, true, nil
	}
	return a, saved, err
}

// step changes what a name has if the lease is still this one.
func (s *store) step(ctx context.Context, name string, l pool.Lease, change func(r *record, now int64)) (ours bool, err error) {
	err = again(ctx, func() (done bool, err error) {
		values, now, err := s.Load(ctx, name)
		if err != nil {
			return false, err
		}
		r := decode(values[0].Bytes)
		if ours = r.lease == l.Word; !ours {
			return true, nil
		}
		change(&r, now)
		return s.Save(ctx, name, values[0], r.encode())
	})
	return ours && err == nil, err
}

func (s *store) renew(ctx context.Context, name string, l pool.Lease) (ours bool, err error) {
	return s.step(ctx, name, l, func(r *record, now int64) {
		r.ends = now + pool.LeaseTime.Microseconds()
		r.beat++ // so that it changes within a second, too
	})
}

func (s *store) put(ctx context.Context, name string, l pool.Lease, sealed []byte, keep time.Duration) (ours bool, err error) {
	return s.step(ctx, name, l, func(r *record, now int64) {
		*r = record{entry: sealed, number: l.Number, granted: r.granted, seen: now, keep: now + keep.Microseconds()}
	})
}

func (s *store) giveUp(ctx context.Context, name string, l pool.Lease, mark []byte, hold time.Duration) (ours bool, err error) {
	return s.step(ctx, name, l, func(r *record, now int64) {
		r.lease, r.ends, r.beat = "", 0, 0
		if mark != nil {
			r.mark, r.until = mark, now+hold.Microseconds()
		}
	})
}

func (s *store) report(ctx context.Context, name string, number int64) error {
	return again(ctx, func() (done bool, err error) {
		values, now, err := s.Load(ctx, name+ReportedSuffix)
		if err != nil {
			return false, err
		}
		if last, _ := decodeReport(values[0].Bytes); last == number {
			return true, nil
		}
		return s.Save(ctx, name+ReportedSuffix, values[0], encodeReport(number, now+reportTime.Microseconds()))
	})
}

func (s *store) note(ctx context.Context, line []byte) error {
	return again(ctx, func() (done bool, err error) {
		values, _, err := s.Load(ctx, logKey)
		if err != nil {
			return false, err
		}
		lines, _ := pool.SplitFields[[]byte](values[0].Bytes) // a damaged log begins anew
		lines = append([][]byte{line}, lines...)
		return s.Save(ctx, logKey, values[0], pool.JoinFields(lines[:min(len(lines), s.MostNotes)]))
	})
}

func (s *store) notes(ctx context.Context, most int) ([][]byte, error) {
	values, _, err := s.Load(ctx, logKey)
	if err != nil {
		return nil, err
	}
	lines, _ := pool.SplitFields[[]byte](values[0].Bytes)
	return lines[:min(len(lines), most)], nil
}

// health tries what a host does, on a name that no token has.
func (s *store) health(ctx context.Context, q pool.Question) (h pool.Health, err error) {
	const probe = "doctor"
	a, err := s.ask(ctx, probe, q)
	if err == nil && a.Lease != 0 {
		_, err = s.giveUp(ctx, probe, pool.Lease{Word: q.Lease, Number: a.Lease}, nil, 0)
	}
	if err == nil && s.Warning != nil {
		h.Warning = s.Warning(ctx)
	}
	h.Now = a.Now
	return h, err
}
