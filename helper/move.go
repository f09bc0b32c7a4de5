package helper

import (
	"context"
	"errors"
	"fmt"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
)

// MoveSecrets makes backend the keyring in the settings and moves the secrets and
// sign-ins of all profiles there, because many were shown only once and exist nowhere
// else. It returns the names of the profiles that had any.
//
// No step can lose a secret: it copies and reads back, then changes the settings, then
// deletes the old copies. If it fails before the settings are changed, everything stays
// in the old keyring. Meanwhile it holds the locks of the profiles, so that no sign-in
// is renewed after it was copied. Errors wrap those of package keyring.
func (h *Helper) MoveSecrets(ctx context.Context, backend string) (moved []string, err error) {
	settings, err := h.Settings()
	if err != nil {
		return nil, err
	}
	if settings.Keyring == "" || settings.Keyring == backend {
		return nil, h.UseKeyring(backend)
	}
	m := move{Helper: h, before: settings.Keyring, after: backend}
	if m.from, err = h.keys.OpenOf(ctx, settings); err != nil {
		return nil, ofKeyring(m.before, err)
	}
	if m.to, err = h.keys.OpenOf(ctx, config.Settings{Keyring: backend}); err != nil {
		return nil, ofKeyring(m.after, err)
	}
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return nil, failure.Store(err)
	}
	defer store.Close()
	names, err := h.ProfileNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		lock, err := m.profile(ctx, store, name)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			defer lock.Unlock()
			moved = append(moved, name)
		}
	}
	unlock, err := m.doorItems(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := h.UseKeyring(backend); err != nil {
		return nil, err
	}
	m.clear(ctx)
	return moved, nil
}

// move moves secrets from one keyring to another.
type move struct {
	*Helper
	from, to      keyring.Keyring
	before, after string   // their names
	copied        []string // items that have been copied
}

// profile copies one profile's items, under its lock, which is nil if there are none.
func (m *move) profile(ctx context.Context, store *cache.Store, name string) (lock *cache.Lock, err error) {
	for _, item := range [...]string{name, signInItem(name)} {
		if _, err := m.from.Get(ctx, m.keys.KeyIn(m.before, item)); errors.Is(err, keyring.ErrNotFound) {
			continue
		}
		if lock == nil {
			if lock, err = store.Lock(ctx, name); err != nil {
				return nil, fmt.Errorf("profile %s: %w", name, err)
			}
		}
		if err := m.copy(ctx, item); err != nil {
			lock.Unlock()
			return nil, err
		}
	}
	return lock, nil
}

// doorItems copies the items of the door, under their lock.
func (m *move) doorItems(ctx context.Context) (unlock func(), err error) {
	if unlock, err = m.LockDoor(ctx); err != nil {
		return nil, err
	}
	for _, item := range doorItems {
		if err := m.copy(ctx, item); err != nil {
			unlock()
			return nil, fmt.Errorf("the door: %w", err)
		}
	}
	return unlock, nil
}

// copy copies one item, if there is one, and reads it back.
func (m *move) copy(ctx context.Context, item string) error {
	value, err := m.from.Get(ctx, m.keys.KeyIn(m.before, item))
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	if err != nil {
		return ofKeyring(m.before, err)
	}
	key := m.keys.KeyIn(m.after, item)
	if err := m.to.Set(ctx, key, value); err != nil {
		return ofKeyring(m.after, err)
	}
	if back, err := m.to.Get(ctx, key); err != nil || !back.Equal(value) {
		return ofKeyring(m.after, fmt.Errorf("%w: it does not return what was stored", keyring.ErrUnavailable))
	}
	m.copied = append(m.copied, item)
	return nil
}

// clear deletes the old copies.
func (m *move) clear(ctx context.Context) {
	for _, item := range m.copied {
		if err := m.from.Delete(ctx, m.keys.KeyIn(m.before, item)); err != nil {
			m.report("an old copy is still in " + m.before + ": " + printable.Line(err.Error()))
		}
	}
}

// ofKeyring adds the keyring's name to an error.
func ofKeyring(backend string, err error) error { return fmt.Errorf("keyring %s: %w", backend, err) }
