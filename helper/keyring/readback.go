package keyring

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/protocol/secret"
)

// WithReadBack reads every secret again after storing it: there are keyrings
// that drop a write and report success (security.md F10). A mismatch is
// ErrUnavailable, because the old secret may still be the good one.
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
