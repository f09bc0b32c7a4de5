//go:build !linux

package cache

import "crypto/rand"

// Elsewhere there is neither a kernel keyring nor a tmpfs that ends with the
// uptime: only the key derived from the file keyring's key file remains.

func readKernelKey(int32, *[keySize]byte) bool { return false }

func kernelKey(string, func([]byte) error) (sealingKey, bool) { return sealingKey{}, false }

func forgetKernelKey(string) {}

func (d Dirs) keyDirectory(place) (directory, error) {
	return directory{}, &finding{ErrNoSealingKey, "no tmpfs on this system"}
}

func (d Dirs) makeKeyDirectory(place) {}

func randomOctets(b []byte) error {
	_, err := rand.Read(b)
	return err
}

func wipe(b []byte) { clear(b) }
