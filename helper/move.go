package helper

import (
	"context"
	"errors"
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
)

// MoveSecrets makes backend the keyring of the settings and brings the secrets of
// all profiles along: many were shown to a person once and exist nowhere else. It
// returns the names of the profiles whose secrets moved.
//
// The order loses nothing at any point: copy and read back, then the settings,
// then the old copies. What fails before the settings changed leaves everything
// with the old keyring. Errors wrap those of package keyring.
func (h *Helper) MoveSecrets(ctx context.Context, backend string) (moved []string, err error) {
	settings, err := h.Settings()
	if err != nil {
		return nil, err
	}
	if settings.Keyring == "" || settings.Keyring == backend {
		return nil, h.UseKeyring(backend)
	}
	from, err := h.openOf(ctx, settings)
	if err != nil {
		return nil, ofKeyring(settings.Keyring, err)
	}
	to, err := h.openOf(ctx, Settings{Keyring: backend})
	if err != nil {
		return nil, ofKeyring(backend, err)
	}
	names, err := h.ProfileNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		value, err := from.Get(ctx, h.secretKeyIn(settings.Keyring, name))
		if errors.Is(err, keyring.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, ofKeyring(settings.Keyring, err)
		}
		key := h.secretKeyIn(backend, name)
		if err := to.Set(ctx, key, value); err != nil {
			return nil, ofKeyring(backend, err)
		}
		if back, err := to.Get(ctx, key); err != nil || !back.Equal(value) {
			return nil, ofKeyring(backend, fmt.Errorf("%w: it does not give back what it was given", keyring.ErrUnavailable))
		}
		moved = append(moved, name)
	}
	if err := h.UseKeyring(backend); err != nil {
		return nil, err
	}
	for _, name := range moved {
		if err := from.Delete(ctx, h.secretKeyIn(settings.Keyring, name)); err != nil {
			h.report("the old copy of the secret of " + name + " is still in " + settings.Keyring + ": " + clean(err.Error()))
		}
	}
	return moved, nil
}

// ofKeyring says which of two keyrings an error is of.
func ofKeyring(backend string, err error) error { return fmt.Errorf("keyring %s: %w", backend, err) }
