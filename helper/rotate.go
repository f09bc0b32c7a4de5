package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/helper/stored"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A secret is replaced in one step: the new one exists only in the memory of the
// process that verifies it, until the keyring replaces the item. So a kill leaves the
// old or the new, and no other process sees a secret that the server has not accepted.

// change describes how a profile's item in the keyring changes.
type change struct {
	event string // for the log
	// next returns the new item for the stored one. It runs under the profile's lock.
	next func(*stored.Item) (*stored.Item, error)
	// anew permits a change if nothing is stored, or a damaged item; next then gets
	// nil. Storing the secret again is the way to recover.
	anew bool
	// token was obtained with the new secret; may be nil.
	token *oauth.Token
}

// changeSecret makes a change and invalidates the tokens of the previous secret (T16).
// It holds the profile's lock: a fetch with the old secret ends before, a later one
// reads the new secret, and of two concurrent rotations the second sees the result of
// the first.
func (h *Helper) changeSecret(ctx context.Context, p *config.Profile, c change) error {
	store, lock, err := h.lockForChange(ctx, p.Name)
	if err != nil {
		return err
	}
	defer release(store, lock)
	old, err := h.readItem(ctx, p.Name, p.Name)
	if err != nil && !(c.anew && unusable(err)) {
		return failure.Keyring(p, err)
	}
	e, err := c.next(old)
	if err != nil {
		return err
	}
	if err := h.putItem(ctx, p, p.Name, e); err != nil {
		return err
	}
	err = h.forgetLocked(store, lock, p.Name, c.event)
	if c.token != nil && lock != nil {
		h.keepToken(ctx, lock, p.Name, c.token)
	}
	return err
}

// StoreSecret stores the secret of a profile and binds it to the profile's current
// settings. expires is its expiry if a person knows it, or zero. See Rotate.
func (h *Helper) StoreSecret(ctx context.Context, p *config.Profile, s secret.Text, expires time.Time) error {
	_, err := h.Rotate(ctx, p, s, expires, TestResult{})
	return err
}

// Rotated says what a new secret took the place of: of none, or, beside the one that is
// kept until this one is confirmed, of an unconfirmed one that was discarded.
type Rotated struct{ First, Replaced bool }

// Rotate is StoreSecret with the result of a Try of that secret: its token is cached in
// the same step.
//
// RollbackSecret returns to the last secret that is known to work everywhere: the one
// before the first unconfirmed one. A secret that was bound to other settings is not
// kept: otherwise storing one would send another to a new endpoint (T14).
func (h *Helper) Rotate(ctx context.Context, p *config.Profile, s secret.Text, expires time.Time, tested TestResult) (rotated Rotated, err error) {
	if !p.InKeyring() {
		return rotated, protocol.Policy("profile " + p.Name + ": its secret is not in the keyring but comes from " + printable.Value(p.Secret[0]))
	}
	next := func(old *stored.Item) (*stored.Item, error) {
		e := &stored.Item{Profile: p.Name, Bound: p.Bounds(), Current: stored.Secret{Text: s, Created: h.now().UTC(), Expires: expires}}
		rotated = Rotated{First: old == nil}
		if old != nil {
			if _, refusal := p.Changes(old.Bound); refusal == nil {
				rotated.Replaced = e.Follow(old)
			}
		}
		return e, nil
	}
	err = h.changeSecret(ctx, p, change{event: "secret stored", next: next, anew: true, token: tested.token})
	if err == nil {
		h.logIdentity(tested)
	}
	return rotated, err
}

// Holds reports whether the profile has this secret in use already, bound to its current
// settings, and with this expiry, unless that is zero.
func (h *Helper) Holds(ctx context.Context, p *config.Profile, s secret.Text, expires time.Time) (bool, error) {
	e, err := h.readItem(ctx, p.Name, p.Name)
	if unusable(err) {
		return false, nil
	}
	if err != nil {
		return false, failure.Keyring(p, err)
	}
	_, refusal := p.Changes(e.Bound)
	return refusal == nil && e.Current.Text.Equal(s) && (expires.IsZero() || expires.Equal(e.Current.Expires)), nil
}

// HasSecret reports whether the keyring has a usable secret for a profile.
func (h *Helper) HasSecret(ctx context.Context, p *config.Profile) (bool, error) {
	_, err := h.readItem(ctx, p.Name, p.Name)
	if err != nil && !unusable(err) {
		return false, failure.Keyring(p, err)
	}
	return err == nil, nil
}

// ConfirmSecret deletes the previous secret, because the current one works everywhere. It
// reports whether there was one.
func (h *Helper) ConfirmSecret(ctx context.Context, p *config.Profile) (bool, error) {
	store, lock, err := h.lockForChange(ctx, p.Name)
	if err != nil {
		return false, err
	}
	defer release(store, lock)
	e, err := h.item(ctx, p)
	if err != nil || e.Previous.Text.IsZero() {
		return false, err
	}
	e.Previous, e.RolledBack = stored.Secret{}, false
	if err := h.putItem(ctx, p, p.Name, e); err != nil {
		return false, err
	}
	h.log(logfile.Record{Event: "secret confirmed", Profile: p.Name}) // its token stays valid
	return true, nil
}

// TryEarlier is Try with the secret that RollbackSecret would restore.
func (h *Helper) TryEarlier(ctx context.Context, p *config.Profile) (TestResult, error) {
	e, err := h.item(ctx, p)
	if err != nil {
		return TestResult{Profile: p.Name}, err
	}
	earlier, err := e.Earlier(p)
	if err != nil {
		return TestResult{Profile: p.Name}, err
	}
	return h.Try(ctx, p, earlier.Text)
}

// RollbackSecret restores the previous secret. It keeps the current one as the previous
// one, so that a second call undoes the first.
func (h *Helper) RollbackSecret(ctx context.Context, p *config.Profile) error {
	return h.changeSecret(ctx, p, change{event: "secret rolled back", next: func(e *stored.Item) (*stored.Item, error) {
		earlier, err := e.Earlier(p)
		if err != nil {
			return nil, err
		}
		e.Current, e.Previous, e.RolledBack = earlier, e.Current, !e.RolledBack
		return e, nil
	}})
}

// Changes lists how the profile differs from the binding of its secret.
func (h *Helper) Changes(ctx context.Context, p *config.Profile) ([]config.Change, error) {
	if !p.InKeyring() {
		return nil, nil
	}
	e, err := h.item(ctx, p)
	if err != nil {
		return nil, err
	}
	changes, _ := p.Changes(e.Bound)
	return changes, nil
}

// Rebind binds the stored secret to the profile's current settings. The caller has
// shown Changes to a person, who agreed.
func (h *Helper) Rebind(ctx context.Context, p *config.Profile) error {
	return h.changeSecret(ctx, p, change{event: "secret rebound", next: func(e *stored.Item) (*stored.Item, error) {
		e.Bound = p.Bounds()
		return e, nil
	}})
}

// DeleteSecret removes the profile's secret from the keyring, and its tokens.
func (h *Helper) DeleteSecret(ctx context.Context, name string) error {
	if err := h.keys.Delete(ctx, name, signInItem(name)); err != nil {
		return failure.About(name, err, "")
	}
	return h.forget(ctx, name, "secret deleted")
}

// lockForChange takes the lock of a profile for a change. Both results are nil if
// nothing is stored; the lock is nil if the file system has none (F17).
func (h *Helper) lockForChange(ctx context.Context, name string) (*cache.Store, *cache.Lock, error) {
	if h.config.NoStore {
		return nil, nil, nil
	}
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return nil, nil, failure.Store(err)
	}
	// Whoever has the lock is fetching, which takes at most this long.
	ctx, cancel := context.WithTimeout(ctx, server.AnswerTime)
	defer cancel()
	lock, err := store.Lock(ctx, name)
	if err != nil {
		if err = h.lockFailed(name, err); err != nil {
			store.Close()
			return nil, nil, err
		}
	}
	return store, lock, nil
}

func release(store *cache.Store, lock *cache.Lock) {
	lock.Unlock()
	store.Close()
}

// forget drops the token and the mark of a profile; copies of the sealed token are
// invalid too (T16).
func (h *Helper) forget(ctx context.Context, name, event string) error {
	store, lock, err := h.lockForChange(ctx, name)
	if err != nil {
		return err
	}
	defer release(store, lock)
	return h.forgetLocked(store, lock, name, event)
}

func (h *Helper) forgetLocked(store *cache.Store, lock *cache.Lock, name, event string) error {
	h.log(logfile.Record{Event: event, Profile: name})
	if store == nil {
		return nil
	}
	defer h.memory.clear()
	drop := func() error { return store.DropProfile(name) }
	if lock != nil {
		drop = func() error { return store.Revoke(lock, name) }
	}
	return failure.Store(errors.Join(drop(), store.DropMark(name)))
}
