//go:build !linux && !windows

package cache

import (
	"runtime"

	"github.com/credhelper/credhelper/helper/private"
)

// These systems have no tmpfs that ends with the uptime. On macOS the temporary directory is
// the user's own, is not backed up and is emptied after three days without use; it is on a
// disk. Elsewhere only the key derived from the file keyring's key file is used.

var filePlaces = [...]place{placeTemp}

const maxKeyFile = keySize

func readKeyFile(content []byte, key *[keySize]byte) bool { return copy(key[:], content) == keySize }

func keyFileContent(key []byte) ([]byte, error) { return key, nil }

func (d Dirs) keyDirectory(p place) (private.Dir, error) {
	if p != placeTemp || runtime.GOOS != "darwin" {
		return private.Dir{}, ErrNoSealingKey
	}
	return private.Open(d.Runtime)
}
