//go:build !linux

package cache

import (
	"crypto/rand"
	"time"
)

// Only Linux has a kernel keyring.

func readKernelKey(int32, *[keySize]byte) bool { return false }

func findKernelKey(string, time.Duration) (sealingKey, bool) { return sealingKey{}, false }

func addKernelKey(string, func([]byte) error, time.Duration) (sealingKey, bool) {
	return sealingKey{}, false
}

func forgetKernelKey(string) {}

func (d Dirs) makeKeyDirectory(place) {}

func randomBytes(b []byte) error {
	_, err := rand.Read(b)
	return err
}

func wipe(b []byte) { clear(b) }
