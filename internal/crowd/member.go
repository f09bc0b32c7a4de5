package crowd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// member is this process as a member of a crowd.
type member struct {
	order Order
	asker *asker
	until time.Time

	calls, failed atomic.Int64
	slowest       atomic.Int64 // ns
	last          atomic.Pointer[answer]

	mu      sync.Mutex // of what follows
	out     *json.Encoder
	seen    map[string]int64 // fingerprints of tokens, and their expiry
	failure string
}

// answer is a token and its expiry in Unix seconds.
type answer struct {
	token   string
	expires int64
}

func newMember(stdout io.Writer) *member {
	return &member{out: json.NewEncoder(stdout), seen: map[string]int64{}}
}

// Member carries out the order on stdin and writes its results to stdout. It ends early
// when stdin does: its parent is gone.
func Member(stdin io.Reader, stdout io.Writer) error {
	m := newMember(stdout)
	in := json.NewDecoder(stdin)
	if err := in.Decode(&m.order); err != nil {
		return fmt.Errorf("no order: %w", err)
	}
	var err error
	if m.asker, err = m.order.open(); err != nil {
		return err
	}
	defer m.asker.close()
	m.say(event{Ready: true})
	var b begin
	if err := in.Decode(&b); err != nil {
		return fmt.Errorf("nobody said when to begin: %w", err)
	}
	m.until = b.Until
	ctx, cancel := context.WithDeadline(context.Background(), b.Until)
	defer cancel()
	go func() {
		_ = in.Decode(&b) // there is nothing more to come
		cancel()
	}()
	m.run(ctx)
	m.say(event{Report: &Report{
		Calls: int(m.calls.Load()), Failed: int(m.failed.Load()), Failure: m.failure, Slowest: time.Duration(m.slowest.Load()),
	}})
	return nil
}

func (m *member) say(e event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.out.Encode(e) // a parent that is gone ends us by stdin
}

// run lets all goroutines ask until the end.
func (m *member) run(ctx context.Context) {
	var group sync.WaitGroup
	for range m.order.Goroutines {
		group.Go(func() {
			for ctx.Err() == nil {
				m.rest(ctx, m.once())
			}
		})
	}
	if m.order.Every > 0 {
		group.Go(func() { m.watch(ctx) })
	}
	group.Wait()
}

// once asks once and returns the expiry of the token.
func (m *member) once() (expires int64) {
	began := time.Now()
	a, err := m.asker.ask()
	took := int64(time.Since(began))
	m.calls.Add(1)
	for s := m.slowest.Load(); took > s && !m.slowest.CompareAndSwap(s, took); s = m.slowest.Load() {
	}
	if err == nil && a.expires <= began.Unix() {
		err = errors.New("a token that had ended")
	}
	if err != nil {
		m.fail(err)
		return 0
	}
	if last := m.last.Load(); last == nil || last.token != a.token {
		m.see(a)
	}
	return a.expires
}

func (m *member) fail(err error) {
	m.failed.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure == "" {
		m.failure = err.Error()
	}
}

// see tells the parent about a new token. Only recent ones are remembered, so that this
// process's memory does not grow.
func (m *member) see(a answer) {
	sum := sha256.Sum256([]byte(a.token))
	print := hex.EncodeToString(sum[:8])
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last.Store(&a)
	if _, known := m.seen[print]; known {
		return
	}
	for old, expires := range m.seen {
		if expires < a.expires-60 {
			delete(m.seen, old)
		}
	}
	m.seen[print] = a.expires
	_ = m.out.Encode(event{Token: print, Expires: a.expires})
}

// rest waits for a part of the pause, but not beyond the token's expiry: then all ask
// together, which makes a storm.
func (m *member) rest(ctx context.Context, expires int64) {
	pause := time.Duration(rand.Int64N(int64(m.order.Pause) + 1))
	if expires > 0 {
		pause = min(pause, max(0, time.Until(time.Unix(expires, 0))))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// watch reports the resources of this process and its child.
func (m *member) watch(ctx context.Context) {
	tick := time.NewTicker(m.order.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s := Look(m.asker.child)
			s.Calls = int(m.calls.Load())
			m.say(event{Sample: &s})
		}
	}
}
