package keyring

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/credhelper/credhelper/helper/trust"
)

// readFile reads a file that someone else may provide: a Kubernetes mount, systemd, a
// configuration tool. Others may be able to read it, which is the provider's decision.
func readFile(path string) ([]byte, error) {
	if !filepath.IsAbs(path) { // T4: nothing depends on the current directory
		return nil, problem(ErrInvalid, "%s is not an absolute path", path)
	}
	data, err := trust.ReadProvided(path, MaxSecret)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, trust.ErrNowhere):
		return nil, &Problem{ErrNotFound, err}
	case errors.Is(err, trust.ErrTooLarge):
		return nil, &Problem{ErrInvalid, err}
	}
	return data, directoryError(err)
}
