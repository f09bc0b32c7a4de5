package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/private"
)

// readFile reads a file that someone else may provide: a Kubernetes mount, systemd, a
// configuration tool. Others may be able to read it, which is the provider's decision.
func readFile(path string) ([]byte, error) {
	if !filepath.IsAbs(path) { // T4: do not depend on the current directory
		return nil, fmt.Errorf("%w: %s is not an absolute path", ErrInvalid, path)
	}
	data, err := private.ReadProvided(path, MaxSecret)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, private.ErrNowhere):
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, private.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return data, told(err)
}
