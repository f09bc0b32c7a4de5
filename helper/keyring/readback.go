package keyring

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/protocol/secret"
)

// WithReadBack reads every secret again after storing it: there are keyrings
// that drop a write and report success (security.md F10). A mismatch is
// ErrUnavailable, because the old secret may still be the good one. Another
// writer in between would look like a mismatch: see WithOneWriter.
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
		return fmt.Errorf("%w: it did not keep what it was given", ErrUnavailable)
	}
	return nil
}

// WithOneWriter lets one process at a time change k, by a lock in dir, a
// directory of ours: for keyrings that write in place (pass), and for the
// read-back. File has its own lock.
func WithOneWriter(k Keyring, dir string) Keyring { return oneWriter{k, dir} }

type oneWriter struct {
	Keyring
	dir string
}

func (k oneWriter) Set(ctx context.Context, key string, value secret.Text) error {
	if err := CheckSet(key, value); err != nil {
		return err
	}
	return k.alone(ctx, func() error { return k.Keyring.Set(ctx, key, value) })
}

func (k oneWriter) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return k.alone(ctx, func() error { return k.Keyring.Delete(ctx, key) })
}

func (k oneWriter) alone(ctx context.Context, change func() error) error {
	dir, err := openDirectory(k.dir, true)
	if err != nil {
		return err
	}
	defer dir.close()
	release, err := dir.lock(ctx, lockName)
	if err != nil {
		return err
	}
	defer release()
	if err := ctx.Err(); err != nil {
		return err
	}
	return change()
}
