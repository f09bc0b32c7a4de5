//go:build !linux

package cache

import (
	"crypto/rand"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// Other systems have neither a kernel keyring nor a tmpfs that ends with the uptime, so
// only the key derived from the file keyring's key file is used.

func readKernelKey(int32, *[keySize]byte) bool { return false }

func kernelKey(string, func([]byte) error, time.Duration) (sealingKey, bool) {
	return sealingKey{}, false
}

func forgetKernelKey(string) {}

func (d Dirs) keyDirectory(place) (private.Dir, error) {
	return private.Dir{}, ErrNoSealingKey
}

func (d Dirs) makeKeyDirectory(place) {}

func randomBytes(b []byte) error {
	_, err := rand.Read(b)
	return err
}

func wipe(b []byte) { clear(b) }
