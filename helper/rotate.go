package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A secret is changed in one step: a new one exists in the memory of whoever
// verifies it and nowhere else, until it takes the place of the old one by the
// keyring's own replacement of one item. So a kill leaves the old or the new, and
// no other process ever sees one that the server has not accepted.

// change is a change of what the keyring holds for a profile.
type change struct {
	event string // for the log
	// next makes what is stored of what is. It runs under the profile's lock.
	next func(*envelope) (*envelope, error)
	// anew: where nothing is stored, or something damaged, next gets nil. To store a
	// secret again is the way back.
	anew bool
	// token was obtained with the new secret; nil if none was.
	token *oauth.Token
}

// changeSecret makes a change and forgets what came from the secret before (T16).
// It holds the profile's lock: a fetch that reads the old secret ends before, one
// that begins later reads the new one, and of two who rotate at once the second
// sees what the first stored.
func (h *Helper) changeSecret(ctx context.Context, p *config.Profile, c change) error {
	store, lock, err := h.hold(ctx, p.Name)
	if err != nil {
		return err
	}
	defer release(store, lock)
	old, err := h.readEnvelope(ctx, p)
	if err != nil && !(c.anew && unusable(err)) {
		return keyringError(p, err)
	}
	e, err := c.next(old)
	if err != nil {
		return err
	}
	if err := h.putEnvelope(ctx, p, e); err != nil {
		return err
	}
	err = h.forgetLocked(store, lock, p.Name, c.event)
	if c.token != nil && lock != nil {
		h.keepToken(ctx, lock, p.Name, c.token)
	}
	return err
}

// unusable reports whether the keyring answered, and has nothing that counts.
func unusable(err error) bool {
	return errors.Is(err, keyring.ErrNotFound) || errors.Is(err, keyring.ErrDamaged)
}

// StoreSecret stores the secret of a profile and binds it to what the profile
// says now. expires is what the person knows about its end, or zero. See Rotate.
func (h *Helper) StoreSecret(ctx context.Context, p *config.Profile, s secret.Text, expires time.Time) error {
	_, err := h.Rotate(ctx, p, s, expires, Tested{})
	return err
}

// Rotate is StoreSecret with what a Try of that secret brought: its token is cached
// in the same step.
//
// Of the secrets before, RollbackSecret goes back to the last one that was known to
// work everywhere: the one before the first that nobody has confirmed. replaced
// tells that there was such an unconfirmed one, which is gone. Nothing is kept of a
// secret that was bound to something else: otherwise storing one would hand another
// to a new endpoint (T14).
func (h *Helper) Rotate(ctx context.Context, p *config.Profile, s secret.Text, expires time.Time, tested Tested) (replaced bool, err error) {
	if !p.InKeyring() {
		return false, policy("profile " + p.Name + ": its secret is not in the keyring but comes from " + printable.Value(p.Secret[0]))
	}
	next := func(old *envelope) (*envelope, error) {
		e := &envelope{profile: p.Name, bound: p.Bounds(), current: held{s, h.now().UTC(), expires}}
		if old != nil {
			if _, refusal := p.Changes(old.bound); refusal == nil {
				replaced = e.follow(old)
			}
		}
		return e, nil
	}
	err = h.changeSecret(ctx, p, change{event: "secret stored", next: next, anew: true, token: tested.token})
	return replaced, err
}

// follow makes e the successor of old, and reports whether an unconfirmed secret is
// gone.
func (e *envelope) follow(old *envelope) (replaced bool) {
	settled, other := old.current, old.previous
	if !other.secret.IsZero() && !old.rolledBack {
		settled, other = other, settled
	}
	switch {
	case e.current.secret.Equal(old.current.secret): // the same again, to note its end
		e.previous, e.rolledBack, e.current.created = old.previous, old.rolledBack, old.current.created
		return false
	case e.current.secret.Equal(settled.secret):
		e.previous, e.rolledBack = other, true
		return false
	}
	e.previous = settled
	return !other.secret.IsZero()
}

// HasSecret reports whether the keyring holds a secret for a profile that could be
// used.
func (h *Helper) HasSecret(ctx context.Context, p *config.Profile) (bool, error) {
	_, err := h.readEnvelope(ctx, p)
	if err != nil && !unusable(err) {
		return false, keyringError(p, err)
	}
	return err == nil, nil
}

// ConfirmSecret forgets the secret beside the current one, which works everywhere.
func (h *Helper) ConfirmSecret(ctx context.Context, p *config.Profile) error {
	store, lock, err := h.hold(ctx, p.Name)
	if err != nil {
		return err
	}
	defer release(store, lock)
	e, err := h.envelope(ctx, p)
	if err != nil {
		return err
	}
	if e.previous.secret.IsZero() {
		return &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": there is no earlier secret to forget"}
	}
	e.previous, e.rolledBack = held{}, false
	if err := h.putEnvelope(ctx, p, e); err != nil {
		return err
	}
	h.log(Record{Event: "secret confirmed", Profile: p.Name}) // its token stays good
	return nil
}

// earlierSecret is what RollbackSecret would take into use.
func earlierSecret(p *config.Profile, e *envelope) (held, error) {
	if e.previous.secret.IsZero() {
		return held{}, &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": there is no earlier secret to go back to"}
	}
	if _, refusal := p.Changes(e.bound); refusal != nil {
		return held{}, refusal
	}
	return e.previous, nil
}

// TryEarlier is Try with the secret that RollbackSecret would take into use.
func (h *Helper) TryEarlier(ctx context.Context, p *config.Profile) (Tested, error) {
	e, err := h.envelope(ctx, p)
	if err != nil {
		return Tested{Profile: p.Name}, err
	}
	earlier, err := earlierSecret(p, e)
	if err != nil {
		return Tested{Profile: p.Name}, err
	}
	return h.Try(ctx, p, earlier.secret)
}

// RollbackSecret takes the secret before the current one back into use. The
// current one is kept in its place, so that a second call undoes the first.
func (h *Helper) RollbackSecret(ctx context.Context, p *config.Profile) error {
	return h.changeSecret(ctx, p, change{event: "secret rolled back", next: func(e *envelope) (*envelope, error) {
		earlier, err := earlierSecret(p, e)
		if err != nil {
			return nil, err
		}
		e.current, e.previous, e.rolledBack = earlier, e.current, !e.rolledBack
		return e, nil
	}})
}

// Changes lists where the profile differs from what its secret was stored for.
func (h *Helper) Changes(ctx context.Context, p *config.Profile) ([]config.Change, error) {
	if !p.InKeyring() {
		return nil, nil
	}
	e, err := h.envelope(ctx, p)
	if err != nil {
		return nil, err
	}
	changes, _ := p.Changes(e.bound)
	return changes, nil
}

// Rebind binds the stored secret to what the profile says now. The caller has
// shown Changes to a person who said yes.
func (h *Helper) Rebind(ctx context.Context, p *config.Profile) error {
	return h.changeSecret(ctx, p, change{event: "secret rebound", next: func(e *envelope) (*envelope, error) {
		e.bound = p.Bounds()
		return e, nil
	}})
}

// DeleteSecret removes the profile's secret from the keyring, and what was made
// with it.
func (h *Helper) DeleteSecret(ctx context.Context, name string) error {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return about(name, err, "")
	}
	for _, key := range [...]string{h.secretKey(name), h.signInKey(name)} {
		if err := k.Delete(ctx, key); err != nil {
			return about(name, err, "")
		}
	}
	return h.forget(ctx, name, "secret deleted")
}

// hold takes the lock of a profile for a change. Both results are nil where nothing
// is stored, the lock where the file system has none (F17).
func (h *Helper) hold(ctx context.Context, name string) (*cache.Store, *cache.Lock, error) {
	if h.config.NoStore {
		return nil, nil, nil
	}
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return nil, nil, storeError(err)
	}
	// Who holds it is fetching, and that ends in time.
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	lock, err := store.Lock(ctx, name)
	switch {
	case err == nil:
		return store, lock, nil
	case errors.Is(err, cache.ErrLocked):
		store.Close()
		return nil, nil, busy(name)
	case readOnly(err), errors.Is(err, cache.ErrUnsafe):
		store.Close()
		return nil, nil, storeError(err)
	}
	h.report("profile " + name + ": no lock: " + printable.Line(err.Error()))
	return store, nil, nil
}

func release(store *cache.Store, lock *cache.Lock) {
	lock.Unlock()
	if store != nil {
		store.Close()
	}
}

// forget drops the token and the mark of a profile for good: copies of the sealed
// token are worthless, too (T16).
func (h *Helper) forget(ctx context.Context, name, event string) error {
	store, lock, err := h.hold(ctx, name)
	if err != nil {
		return err
	}
	defer release(store, lock)
	return h.forgetLocked(store, lock, name, event)
}

func (h *Helper) forgetLocked(store *cache.Store, lock *cache.Lock, name, event string) error {
	h.log(Record{Event: event, Profile: name})
	if store == nil {
		return nil
	}
	defer h.memory.clear()
	drop := func() error { return store.DropProfile(name) }
	if lock != nil {
		drop = func() error { return store.Revoke(lock, name) }
	}
	if err := errors.Join(drop(), store.DropMark(name)); err != nil {
		return storeError(err)
	}
	return nil
}
