//go:build !linux

package desktop

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
)

// Only Linux has a kernel keyring; the library does not support it elsewhere.

func inOwnSession(context.Context, func() error) error {
	return fmt.Errorf("%w: this system has no kernel keyring", keyring.ErrUnavailable)
}

func keyGone(error) bool { return false }

func userKeyNames() ([]string, error) {
	return nil, fmt.Errorf("%w: this system has no kernel keyring", keyring.ErrUnavailable)
}
