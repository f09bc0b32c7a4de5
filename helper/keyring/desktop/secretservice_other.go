//go:build !linux

package desktop

import (
	"context"
	"fmt"

	"github.com/credhelper/credhelper/helper/keyring"
)

// secretServiceReady: the library has this backend on Linux only.
func secretServiceReady(context.Context) error {
	return fmt.Errorf("%w: this system has no Secret Service", keyring.ErrUnavailable)
}
