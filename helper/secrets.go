package helper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// keyringTime is the time limit of each call of a keyring, including its opening.
const keyringTime = 3 * time.Second

// secret returns the client's secret of a profile.
func (h *Helper) secret(ctx context.Context, p *config.Profile) (secret.Text, error) {
	now, err := h.inUse(ctx, p)
	return now.secret, err
}

// inUse returns the secret with its dates. A secret in the keyring must be bound to the
// profile's current settings (T14); a source in the profile is the profile's own
// responsibility. It is read each time, so that a long-running program uses a new one.
func (h *Helper) inUse(ctx context.Context, p *config.Profile) (storedSecret, error) {
	if !h.config.Secret.IsZero() {
		return storedSecret{secret: h.config.Secret}, nil
	}
	if !p.NeedsSecret() {
		return storedSecret{}, nil
	}
	if !p.InKeyring() {
		source, err := h.Source(p, p.Secret)
		if err != nil {
			return storedSecret{}, failure.Keyring(p, err)
		}
		read := source.Read
		if p.SecretIsKey() {
			read = source.ReadKey
		}
		s, err := read(ctx)
		if err != nil {
			return storedSecret{}, failure.Keyring(p, err)
		}
		return storedSecret{secret: s, expires: p.SecretExpires}, nil
	}
	e, err := h.envelope(ctx, p)
	if err != nil {
		return storedSecret{}, err
	}
	if _, refusal := p.Changes(e.bound); refusal != nil {
		return storedSecret{}, refusal
	}
	now := e.current
	now.expires = endOf(p, now)
	return now, nil
}

// endOf returns the expiry of a secret in the keyring: the one recorded with it, else
// the profile's. A date in the profile before the secret was stored refers to an
// earlier secret.
func endOf(p *config.Profile, s storedSecret) time.Time {
	if s.expires.IsZero() && p.SecretExpires.After(s.created) {
		return p.SecretExpires
	}
	return s.expires
}

// envelope reads a profile's item in the keyring.
func (h *Helper) envelope(ctx context.Context, p *config.Profile) (*envelope, error) {
	e, err := h.readEnvelope(ctx, p)
	if err != nil {
		return nil, failure.Keyring(p, err)
	}
	return e, nil
}

func (h *Helper) readEnvelope(ctx context.Context, p *config.Profile) (*envelope, error) {
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

func (h *Helper) putEnvelope(ctx context.Context, p *config.Profile, e *envelope) error {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return failure.Keyring(p, err)
	}
	value, err := e.encode()
	if err != nil {
		return failure.About(p.Name, err, "")
	}
	if err := k.Set(ctx, h.secretKey(p.Name), value); err != nil {
		return failure.Keyring(p, err)
	}
	return nil
}

// CanStore fails if the keyring could not store a secret of p, for example because it
// is locked, so that no one types one, or signs in, in vain. Reading another profile's
// item shows whether the keyring opens.
func (h *Helper) CanStore(ctx context.Context, p *config.Profile) error {
	k, err := h.openKeyring(ctx)
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

// openKeyring opens the keyring in the settings, once, within its time limit. Opening
// may hang if a desktop's bus is dead, whatever the context says.
func (h *Helper) openKeyring(ctx context.Context) (keyring.Keyring, error) {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.keyring != nil {
		return h.keyring, nil
	}
	k, err := h.open(ctx)
	// A long-running program must not keep the keyring open after credhelper lock or
	// the expiry of an unlock, nor use one that is no longer in the settings.
	if err == nil && !h.config.RunsLong {
		h.keyring = k
	}
	return k, err
}

// CloseKeyring closes the keyring, which is opened again when needed. A program that
// waits for hours must not keep it open after credhelper lock.
func (h *Helper) CloseKeyring() {
	h.opening.Lock()
	defer h.opening.Unlock()
	h.keyring = nil
}

func (h *Helper) open(ctx context.Context) (keyring.Keyring, error) {
	settings, err := h.Settings()
	if err != nil {
		return nil, err
	}
	return h.openOf(ctx, settings)
}

// openOf opens the keyring in these settings.
func (h *Helper) openOf(ctx context.Context, settings config.Settings) (keyring.Keyring, error) {
	if settings.Keyring == "" {
		return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: "no keyring has been chosen yet",
			Hint: "choose one: credhelper keyring use file"}
	}
	if h.config.Keyring == nil {
		return nil, fmt.Errorf("%w: there is none here", keyring.ErrUnavailable)
	}
	h.explain("opens the keyring " + settings.Keyring)
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
	case o := <-done: // it has ended, which also cancels
		if o.err == nil {
			return keyring.WithDeadline(o.keyring, keyringTime), nil
		}
		return nil, o.err
	default:
		return nil, fmt.Errorf("%w: %s did not open within %v", keyring.ErrUnavailable, settings.Keyring, keyringTime)
	}
}

// unusable reports whether the keyring answered, but has nothing usable.
func unusable(err error) bool {
	return errors.Is(err, keyring.ErrNotFound) || errors.Is(err, keyring.ErrDamaged)
}
