package pooltest

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/swap"
)

// Table is a store in memory that has compare-and-swap alone. Its time is in whole
// seconds.
type Table struct {
	Now   func() time.Time // of the hosts; nil: time.Now
	Ahead time.Duration    // the store's clock less that
	Takes time.Duration    // each operation
	// Lose reports whether the answer to a change gets lost; nil: none does.
	Lose func(key string) bool
	// Fail returns an error instead of an answer; may be nil.
	Fail func(ctx context.Context) error

	mu      sync.Mutex
	values  map[string]swap.Value
	Loads   int
	Changes int
	Refused int // changes of what somebody else had changed
}

// Store returns the store's functions for one host.
func (b *Table) Store() pool.Store {
	return swap.Store(swap.Backend{Load: b.load, Save: b.save, Close: func() {}, Precision: time.Second, MostNotes: 4, Now: b.now})
}

// Values returns what the store has.
func (b *Table) Values() map[string]swap.Value {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.values)
}

// Restore puts what the store had before in place of what it has; nil empties it.
func (b *Table) Restore(values map[string]swap.Value) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values = maps.Clone(values)
}

// Set replaces a value, as somebody can who may write to the store.
func (b *Table) Set(key string, value []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Changes++
	if b.values == nil {
		b.values = map[string]swap.Value{}
	}
	b.values[key] = swap.Value{Bytes: value, Version: strconv.Itoa(b.Changes)}
}

func (b *Table) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

// enter waits, and locks the store.
func (b *Table) enter(ctx context.Context) error {
	if b.Takes > 0 {
		time.Sleep(b.Takes)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.Fail != nil {
		if err := b.Fail(ctx); err != nil {
			return err
		}
	}
	b.mu.Lock()
	return nil
}

func (b *Table) load(ctx context.Context, keys ...string) (values []swap.Value, now int64, err error) {
	if err := b.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer b.mu.Unlock()
	b.Loads++
	for _, key := range keys {
		values = append(values, b.values[key])
	}
	return values, b.now().Add(b.Ahead).Truncate(time.Second).UnixMicro(), nil
}

func (b *Table) save(ctx context.Context, key string, from swap.Value, to []byte) (saved bool, err error) {
	if err := b.enter(ctx); err != nil {
		return false, err
	}
	defer b.mu.Unlock()
	if b.values[key].Version != from.Version {
		b.Refused++
		return false, nil
	}
	b.Changes++
	if b.values == nil {
		b.values = map[string]swap.Value{}
	}
	b.values[key] = swap.Value{Bytes: to, Version: strconv.Itoa(b.Changes)}
	if b.Lose != nil && b.Lose(key) {
		return false, &pool.Error{Kind: pool.Silent, Text: "the connection broke"}
	}
	return true, nil
}
