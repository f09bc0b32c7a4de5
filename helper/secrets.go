package helper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// keyringTime is the limit of each call of a keyring, its opening included.
const keyringTime = 3 * time.Second

// secret finds the client's secret of a profile. The keyring's must be bound to
// what the profile says now (T14); a source that the profile names is the
// profile's own business.
func (h *Helper) secret(ctx context.Context, p *Profile) (secret.Text, error) {
	if !h.config.Secret.IsZero() {
		return h.config.Secret, nil
	}
	if !p.NeedsSecret() {
		return secret.Text{}, nil
	}
	if !p.InKeyring() {
		source, err := keyring.NewSource(p.Secret, h.surroundings())
		if err != nil {
			return secret.Text{}, keyringError(p, err)
		}
		read := source.Read
		if p.SecretIsKey() {
			read = source.ReadKey
		}
		s, err := read(ctx)
		if err != nil {
			return secret.Text{}, keyringError(p, err)
		}
		return s, nil
	}
	e, err := h.envelope(ctx, p)
	if err != nil {
		return secret.Text{}, err
	}
	if changed := p.changes(e.bound); len(changed) > 0 {
		return secret.Text{}, p.unbound(changed)
	}
	return e.current.secret, nil
}

func (h *Helper) surroundings() keyring.Surroundings {
	return keyring.Surroundings{
		Lookup: func(name string) (string, bool) {
			value := h.env(name)
			return value, value != ""
		},
		Environ:     h.config.Environ,
		Credentials: h.env("CREDENTIALS_DIRECTORY"),
	}
}

// envelope reads what the keyring holds for a profile.
func (h *Helper) envelope(ctx context.Context, p *Profile) (*envelope, error) {
	e, err := h.readEnvelope(ctx, p)
	if err != nil {
		return nil, keyringError(p, err)
	}
	return e, nil
}

func (h *Helper) readEnvelope(ctx context.Context, p *Profile) (*envelope, error) {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return nil, err
	}
	value, err := k.Get(ctx, h.secretKey(p.Name))
	if err != nil {
		return nil, err
	}
	return decodeEnvelope(p.Name, value)
}

func (h *Helper) putEnvelope(ctx context.Context, p *Profile, e *envelope) error {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return keyringError(p, err)
	}
	value, err := e.encode()
	if err != nil {
		return about(p.Name, err, "")
	}
	if err := k.Set(ctx, h.secretKey(p.Name), value); err != nil {
		return keyringError(p, err)
	}
	return nil
}

// openKeyring opens the keyring that the settings name, once, within its time.
// Opening may hang where a desktop's bus is dead, whatever the context says.
func (h *Helper) openKeyring(ctx context.Context) (keyring.Keyring, error) {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.keyring != nil {
		return h.keyring, nil
	}
	k, err := h.open(ctx)
	if err == nil {
		h.keyring = k
	}
	return k, err
}

func (h *Helper) open(ctx context.Context) (keyring.Keyring, error) {
	settings, err := h.Settings()
	if err != nil {
		return nil, err
	}
	return h.openOf(ctx, settings)
}

// openOf opens the keyring that these settings name.
func (h *Helper) openOf(ctx context.Context, settings Settings) (keyring.Keyring, error) {
	if settings.Keyring == "" {
		return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: "no keyring has been chosen yet",
			Hint: "choose one: credhelper keyring use file"}
	}
	if h.config.Keyring == nil {
		return nil, fmt.Errorf("%w: there is none here", keyring.ErrUnavailable)
	}
	type opened struct {
		keyring keyring.Keyring
		err     error
	}
	done := make(chan opened, 1)
	limited, cancel := context.WithTimeout(ctx, keyringTime)
	go func() {
		defer cancel()
		k, err := h.config.Keyring(limited, settings)
		done <- opened{k, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		return keyring.WithDeadline(o.keyring, keyringTime), nil
	case <-limited.Done():
	}
	select {
	case o := <-done: // it ended, which cancels too
		if o.err == nil {
			return keyring.WithDeadline(o.keyring, keyringTime), nil
		}
		return nil, o.err
	default:
		return nil, fmt.Errorf("%w: %s did not open within %v", keyring.ErrUnavailable, settings.Keyring, keyringTime)
	}
}

// StoreSecret stores the secret of a profile and binds it to what the profile
// says now. The one before is kept for RollbackSecret, if it was bound to the same:
// otherwise storing one secret would hand another to a new endpoint (T14). A cached
// token and a mark of the old secret are dropped. expires is what the person knows
// about its end, or zero.
func (h *Helper) StoreSecret(ctx context.Context, p *Profile, s secret.Text, expires time.Time) error {
	if !p.InKeyring() {
		return policy("profile " + p.Name + ": its secret is not in the keyring but comes from " + short(p.Secret[0]))
	}
	e := &envelope{profile: p.Name, bound: p.Bounds(), current: held{s, h.now().UTC(), expires}}
	old, err := h.readEnvelope(ctx, p)
	switch {
	case err == nil && len(p.changes(old.bound)) == 0:
		e.previous = old.current
	case err == nil:
	case errors.Is(err, keyring.ErrNotFound):
	case errors.Is(err, keyring.ErrDamaged): // to store it again is the way back
	default:
		return keyringError(p, err)
	}
	return h.changeSecret(ctx, p, "secret stored", e)
}

// changeSecret stores an envelope and forgets what came from the one before.
func (h *Helper) changeSecret(ctx context.Context, p *Profile, event string, e *envelope) error {
	if err := h.putEnvelope(ctx, p, e); err != nil {
		return err
	}
	return h.forget(ctx, p.Name, event)
}

// ConfirmSecret forgets the secret before the current one: the new one works
// everywhere.
func (h *Helper) ConfirmSecret(ctx context.Context, p *Profile) error {
	e, err := h.envelope(ctx, p)
	if err != nil {
		return err
	}
	if e.previous.secret.IsZero() {
		return &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": there is no earlier secret to forget"}
	}
	e.previous = held{}
	return h.putEnvelope(ctx, p, e)
}

// RollbackSecret takes the secret before the current one back into use. The
// current one is kept in its place, so that a second call undoes the first.
func (h *Helper) RollbackSecret(ctx context.Context, p *Profile) error {
	e, err := h.envelope(ctx, p)
	if err != nil {
		return err
	}
	if e.previous.secret.IsZero() {
		return &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": there is no earlier secret to go back to"}
	}
	if changed := p.changes(e.bound); len(changed) > 0 {
		return p.unbound(changed)
	}
	e.current, e.previous = e.previous, e.current
	return h.changeSecret(ctx, p, "secret rolled back", e)
}

// Changes lists where the profile differs from what its secret was stored for.
func (h *Helper) Changes(ctx context.Context, p *Profile) ([]Change, error) {
	if !p.InKeyring() {
		return nil, nil
	}
	e, err := h.envelope(ctx, p)
	if err != nil {
		return nil, err
	}
	return p.changes(e.bound), nil
}

// Rebind binds the stored secret to what the profile says now. The caller has
// shown Changes to a person who said yes.
func (h *Helper) Rebind(ctx context.Context, p *Profile) error {
	e, err := h.envelope(ctx, p)
	if err != nil {
		return err
	}
	e.bound = p.Bounds()
	return h.changeSecret(ctx, p, "secret rebound", e)
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

// forget drops the token and the mark of a profile for good: copies of the sealed
// token are worthless, too (T16).
func (h *Helper) forget(ctx context.Context, name, event string) error {
	if h.config.NoStore {
		return nil
	}
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return storeError(err)
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, keyringTime)
	defer cancel()
	lock, err := store.Lock(ctx, name)
	if err != nil {
		return about(name, err, "")
	}
	defer lock.Unlock()
	h.log(Record{Event: event, Profile: name})
	if err := errors.Join(store.Revoke(lock, name), store.DropMark(name)); err != nil {
		return storeError(err)
	}
	return nil
}
