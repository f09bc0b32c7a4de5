// Package pooltest has the tests that each store of package pool has to pass, and a
// store in memory that passes them.
package pooltest

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
)

// Memory is a store in memory.
type Memory struct {
	// Now is its clock; nil: time.Now.
	Now func() time.Time
	// Fail returns an error instead of an answer, or waits; may be nil.
	Fail func(ctx context.Context) error

	mu     sync.Mutex
	names  map[string]*entry
	checks map[string]string
	notes  [][]byte

	Operations int // how often it was asked
}

type entry struct {
	entry, mark                  []byte
	number, until, granted, seen int64
	lease                        string
	ends, reported               int64
}

// Store returns the store's functions.
func (m *Memory) Store() pool.Store {
	return pool.Store{Ask: m.ask, Renew: m.renew, Put: m.put, GiveUp: m.giveUp, Report: m.report, Note: m.note, Notes: m.lastNotes,
		Health: func(ctx context.Context, q pool.Question) (pool.Health, error) {
			_, err := m.ask(ctx, "doctor", pool.Question{Check: q.Check, Former: q.Former, Latest: q.Latest})
			return pool.Health{Now: m.now()}, err
		},
		Close: func() {}}
}

// Flush forgets everything.
func (m *Memory) Flush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names, m.checks = nil, nil
}

// Each calls change with all sealed values, which it may replace.
func (m *Memory) Each(change func(entry, mark []byte) (newEntry, newMark []byte)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.names {
		if k.entry != nil || k.mark != nil {
			k.entry, k.mark = change(k.entry, k.mark)
		}
	}
}

func (m *Memory) now() int64 {
	if m.Now == nil {
		return time.Now().UnixMicro()
	}
	return m.Now().UnixMicro()
}

// enter locks the store and returns what a name has.
func (m *Memory) enter(ctx context.Context, name string) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.Fail != nil {
		if err := m.Fail(ctx); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	m.Operations++
	if m.names == nil {
		m.names, m.checks = map[string]*entry{}, map[string]string{}
	}
	k := m.names[name]
	if k == nil {
		k = &entry{}
		m.names[name] = k
	}
	return k, nil
}

func (m *Memory) ask(ctx context.Context, name string, q pool.Question) (a pool.Answer, err error) {
	k, err := m.enter(ctx, name)
	if err != nil {
		return a, err
	}
	defer m.mu.Unlock()
	write, err := q.Checked(m.checks)
	if err != nil {
		return a, err
	}
	if write && q.Lease != "" {
		m.checks[q.Check] = strconv.Itoa(pool.Version)
		if q.Former != "" {
			m.checks[q.Former+pool.NextSuffix] = q.Check
			delete(m.checks, q.Check+pool.NextSuffix)
		}
	}
	a.Now = m.now()
	if a.Now < k.seen-2e6 {
		*k = entry{granted: k.granted, seen: a.Now, reported: k.reported}
	}
	if a.Now > k.seen+10e6 {
		k.seen = a.Now
	}
	switch {
	case k.entry != nil && k.number > q.Have && k.number != q.SkipEntry:
		a.Entry, a.Number, a.Reported = k.entry, k.number, k.reported
	case k.mark != nil && k.until > a.Now && k.until != q.SkipMark:
		a.Mark, a.Until = k.mark, k.until
	case k.lease != "" && k.ends > a.Now && k.ends <= a.Now+pool.LeaseTime.Microseconds():
		if a.Held = k.lease != q.Lease; !a.Held { // the answer to the same question got lost
			a.Lease, a.Past = k.granted, k.mark
		}
	case q.Lease != "":
		a.Lease, a.Past = max(a.Now, k.granted+1, q.Have+1), k.mark
		k.lease, k.ends, k.granted, k.seen = q.Lease, a.Now+pool.LeaseTime.Microseconds(), a.Lease, a.Now
	}
	return a, nil
}

// step changes what a name has, if the lease is still there.
func (m *Memory) step(ctx context.Context, name string, l pool.Lease, change func(k *entry, now int64)) (bool, error) {
	k, err := m.enter(ctx, name)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if k.lease != l.Word {
		return false, nil
	}
	change(k, m.now())
	return true, nil
}

func (m *Memory) renew(ctx context.Context, name string, l pool.Lease) (bool, error) {
	return m.step(ctx, name, l, func(k *entry, now int64) { k.ends = now + pool.LeaseTime.Microseconds() })
}

func (m *Memory) put(ctx context.Context, name string, l pool.Lease, sealed []byte, _ time.Duration) (bool, error) {
	return m.step(ctx, name, l, func(k *entry, now int64) {
		*k = entry{entry: sealed, number: l.Number, granted: k.granted, seen: now}
	})
}

func (m *Memory) giveUp(ctx context.Context, name string, l pool.Lease, mark []byte, hold time.Duration) (bool, error) {
	return m.step(ctx, name, l, func(k *entry, now int64) {
		k.lease, k.ends = "", 0
		if mark != nil {
			k.mark, k.until = mark, now+hold.Microseconds()
		}
	})
}

func (m *Memory) report(ctx context.Context, name string, number int64) error {
	k, err := m.enter(ctx, name)
	if err == nil {
		k.reported = number
		m.mu.Unlock()
	}
	return err
}

func (m *Memory) note(ctx context.Context, line []byte) error {
	_, err := m.enter(ctx, "")
	if err == nil {
		m.notes = append([][]byte{line}, m.notes...)
		m.notes = m.notes[:min(len(m.notes), 1000)]
		m.mu.Unlock()
	}
	return err
}

func (m *Memory) lastNotes(ctx context.Context, most int) ([][]byte, error) {
	_, err := m.enter(ctx, "")
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.notes[:min(len(m.notes), most)], nil
}

// SetCheck replaces the check values by one, and SetNumber all numbers, as somebody can
// who may write to the store.
func (m *Memory) SetCheck(check string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks = map[string]string{check: strconv.Itoa(pool.Version)}
}

// SetNumber replaces the numbers beside the sealed tokens.
func (m *Memory) SetNumber(number int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.names {
		k.number = number
	}
}

// Snapshot returns a copy of what the store has, for Restore.
func (m *Memory) Snapshot() map[string]entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]entry{}
	for name, k := range m.names {
		all[name] = *k
	}
	return all
}

// Restore puts a snapshot in place of what the store has, as a failover does.
func (m *Memory) Restore(all map[string]entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names = map[string]*entry{}
	for name, k := range all {
		m.names[name] = &k
	}
}
