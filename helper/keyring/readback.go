package keyring

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/protocol/secret"
)

// WithReadBack reads every secret back after storing it, because some keyrings drop a
// write and report success (security.md F10). A mismatch is ErrUnavailable, because the
// old secret may still be valid. A concurrent writer would cause a mismatch: see
// WithOneWriter.
func WithReadBack(k Keyring) Keyring { return readBack{k} }

type readBack struct{ Keyring }

func (k readBack) Set(ctx context.Context, key string, value secret.Text) error {
	if err := k.Keyring.Set(ctx, key, value); err != nil {
		return err
	}
	stored, err := k.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("reading back what was stored: %w", err)
	}
	if !stored.Equal(value) {
		return fmt.Errorf("%w: it does not return what was stored", ErrUnavailable)
	}
	return nil
}

// WithOneWriter lets only one process at a time change k, with a lock in dir, a
// directory of ours, so that the read-back finds the written value. File has its own
// lock.
func WithOneWriter(k Keyring, dir string) Keyring { return lockOnce{k, dir, false} }

// WithOneUser lets only one process at a time change or read k, for a keyring that
// writes in place, where a reader could find a partial secret.
func WithOneUser(k Keyring, dir string) Keyring { return lockOnce{k, dir, true} }

type lockOnce struct {
	Keyring
	dir     string
	readers bool
}

func (k lockOnce) Get(ctx context.Context, key string) (value secret.Text, err error) {
	if !k.readers {
		return k.Keyring.Get(ctx, key)
	}
	if err := CheckKey(key); err != nil {
		return secret.Text{}, err
	}
	err = k.locked(ctx, func() error {
		value, err = k.Keyring.Get(ctx, key)
		return err
	})
	return value, err
}

func (k lockOnce) Set(ctx context.Context, key string, value secret.Text) error {
	if err := CheckSet(key, value); err != nil {
		return err
	}
	return k.locked(ctx, func() error { return k.Keyring.Set(ctx, key, value) })
}

func (k lockOnce) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return k.locked(ctx, func() error { return k.Keyring.Delete(ctx, key) })
}

func (k lockOnce) locked(ctx context.Context, call func() error) error {
	if err := begin(ctx, nil); err != nil {
		return err
	}
	dir, err := openDirectory(k.dir, true)
	if err != nil {
		return err
	}
	defer dir.Close()
	release, err := dir.lock(ctx, lockName)
	if err != nil {
		return err
	}
	defer release()
	return call()
}
