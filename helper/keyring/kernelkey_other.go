//go:build !linux

package keyring

import (
	"errors"
	"time"
)

// errReadOnly is not needed on this system.
var errReadOnly = errors.New("read-only")

// Only Linux has a kernel keyring. On other systems an unlocked key ends with the
// process, so the file keyring is opened by a key file.

// StaysUnlocked reports whether an unlocked file keyring is open to later processes.
const StaysUnlocked = false

func addKernelKey(string, []byte, time.Duration) error {
	return errors.New("this system has none")
}

func readKernelKey(string, int) ([]byte, bool) { return nil, false }

func removeKernelKey(string) error { return nil }
