//go:build !linux

package desktop

import (
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
)

// inOwnSession: only Linux has a kernel keyring.
func inOwnSession(func() error) error {
	return fmt.Errorf("%w: this system has no kernel keyring", keyring.ErrUnavailable)
}

func userKeyNames() ([]string, error) { return nil, inOwnSession(nil) }
