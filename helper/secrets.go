package helper

import (
	"context"
	"errors"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/stored"
	"github.com/credhelper/credhelper/protocol/secret"
)

// secret returns the client's secret of a profile.
func (h *Helper) secret(ctx context.Context, p *config.Profile) (secret.Text, error) {
	now, err := h.inUse(ctx, p)
	return now.Text, err
}

// inUse returns the secret with its dates. A secret in the keyring must be bound to the
// profile's current settings (T14); a source in the profile is the profile's own
// responsibility. It is read each time, so that a long-running program uses a new one.
func (h *Helper) inUse(ctx context.Context, p *config.Profile) (stored.Secret, error) {
	if !h.config.Secret.IsZero() {
		return stored.Secret{Text: h.config.Secret}, nil
	}
	if !p.NeedsSecret() {
		return stored.Secret{}, nil
	}
	if !p.InKeyring() {
		source, err := h.Source(p, p.Secret)
		if err != nil {
			return stored.Secret{}, failure.Keyring(p, err)
		}
		read := source.Read
		if p.SecretIsKey() {
			read = source.ReadKey
		}
		s, err := read(ctx)
		if err != nil {
			return stored.Secret{}, failure.Keyring(p, err)
		}
		return stored.Secret{Text: s, Expires: p.SecretExpires}, nil
	}
	e, err := h.item(ctx, p)
	if err != nil {
		return stored.Secret{}, err
	}
	if _, refusal := p.Changes(e.Bound); refusal != nil {
		return stored.Secret{}, refusal
	}
	now := e.Current
	now.Expires = now.End(p)
	return now, nil
}

// item reads the item with a profile's secret.
func (h *Helper) item(ctx context.Context, p *config.Profile) (*stored.Item, error) {
	e, err := h.readItem(ctx, p.Name, p.Name)
	if err != nil {
		return nil, failure.Keyring(p, err)
	}
	return e, nil
}

// readItem reads an item of a profile: that of its secret has its name; else signInItem.
func (h *Helper) readItem(ctx context.Context, profile, item string) (*stored.Item, error) {
	value, err := h.keys.Get(ctx, item)
	if err != nil {
		return nil, err
	}
	return stored.Decode(profile, value)
}

// putItem stores an item of a profile.
func (h *Helper) putItem(ctx context.Context, p *config.Profile, item string, e *stored.Item) error {
	value, err := e.Encode()
	if err == nil {
		err = h.keys.Set(ctx, item, value)
	}
	if err != nil {
		return failure.Keyring(p, err)
	}
	return nil
}

// CanStore fails if the keyring could not store a secret of p, for example because it
// is locked, so that no one types one, or signs in, in vain. Reading another profile's
// item shows whether the keyring opens.
func (h *Helper) CanStore(ctx context.Context, p *config.Profile) error {
	k, err := h.keys.Open(ctx)
	if err != nil {
		return failure.Keyring(p, err)
	}
	defer h.CloseKeyring() // the person may take their time
	names, err := k.Names(ctx)
	if err == nil && len(names) > 0 {
		_, err = k.Get(ctx, names[0])
	}
	if err != nil && !unusable(err) {
		return failure.Keyring(p, err)
	}
	return nil
}

// CloseKeyring closes the keyring, which is opened again when needed. A program that
// waits for hours must not keep it open after credhelper lock.
func (h *Helper) CloseKeyring() { h.keys.Close() }

// unusable reports whether the keyring answered, but has nothing usable.
func unusable(err error) bool {
	return errors.Is(err, keyring.ErrNotFound) || errors.Is(err, keyring.ErrDamaged)
}
