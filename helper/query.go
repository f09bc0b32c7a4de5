package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/pools"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// query is one request while it is answered, with its profile.
type query struct {
	*Helper
	request  protocol.Request
	profile  *config.Profile
	origin   string     // the profile's origin that owns the request's URL
	item     cache.Item // what the token is for
	binding  [32]byte
	whole    [32]byte      // binding of the profile's whole token; marks are bound to it
	subject  cache.Subject // on whose behalf; nil for a profile without subjects
	readable bool          // the subject could be read
	settings config.Settings
	store    *cache.Store  // nil with NoStore, and in a read-only home
	fromPool *pools.Record // the token is the profile's pool's; nil: it is not
	told     *cache.Mark   // what its server has last told a host of the pool; nil: nothing since its last token
	seen     *cache.Entry  // the entry that the request found first; may be nil
	ahead    bool          // seen is still valid: the request only renews it early
	renews   bool          // the profile's pool has to get the token

	claims *home.Claims // of all profiles; nil if a route led to this one

	began  time.Time
	flight *flight // the flight that this request leads; may be nil
}

// close closes the cache once it is no longer used: a fetch that this request leads may
// outlive its caller.
func (q *query) close() {
	if q.flight != nil {
		select {
		case <-q.flight.done:
		default:
			go func() { <-q.flight.done; q.store.Close() }()
			return
		}
	}
	q.store.Close()
}

// records returns what is remembered about the item's tokens of a pool.
func (q *query) records() pools.Records { return pools.Records{Store: q.store, Item: q.item} }

// lock takes the profile's lock; with try it does not wait. The error is ErrBusy if
// another process holds it. Nil without an error means that nothing is stored, or that
// the file system has no locks: the worst result is a second fetch (F17).
func (q *query) lock(ctx context.Context, try bool) (*cache.Lock, error) {
	if q.store == nil {
		return nil, nil
	}
	var lock *cache.Lock
	var err error
	if try {
		lock, err = q.store.TryLock(q.profile.Name)
	} else {
		wait, cancel := withReserve(ctx)
		defer cancel()
		lock, err = q.store.Lock(wait, q.profile.Name)
	}
	switch {
	case err == nil:
		return lock, nil
	case failure.ReadOnly(err) && !errors.Is(err, cache.ErrUnsafe):
		q.unwritten(err)
		return nil, nil
	}
	return nil, q.lockFailed(q.profile.Name, err)
}

// lockFailed returns the error for a lock that could not be taken. It is nil if the
// file system has no locks, which is reported.
func (h *Helper) lockFailed(profile string, err error) error {
	switch {
	case errors.Is(err, cache.ErrLocked):
		return busy(profile)
	case failure.ReadOnly(err), errors.Is(err, cache.ErrUnsafe):
		return failure.Store(err)
	}
	h.report("profile " + profile + ": no lock: " + printable.Line(err.Error()))
	return nil
}

// unwritten reports that nothing can be stored, as in an image: the token is given all
// the same, as with a full disk (F2).
func (q *query) unwritten(err error) {
	q.report("nothing is cached, each call asks the server: " + printable.Line(err.Error()))
}

func busy(profile string) error {
	return &protocol.Error{Kind: protocol.ErrBusy, Text: "profile " + profile + ": another process has been asking for its token for too long",
		Hint: "try again; see who holds the lock: credhelper doctor"}
}
