package keyring

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// errReadOnly is the error of a read-only disk.
var errReadOnly error = unix.EROFS

// StaysUnlocked reports whether an unlocked file keyring is open to later processes.
const StaysUnlocked = true

// kernelKeyPerm permits everything to a possessor of the key, and view, read, write,
// search and link to the same uid. By default the uid may only view it, and a process
// whose session keyring does not link the user keyring (cron, services, su) possesses
// nothing and would get EACCES.
const kernelKeyPerm = 0x3f1f0000

// addKernelKey adds a key of type user to the user keyring, replacing one with the same
// name, with a limited lifetime. It creates the key in the thread keyring, which is
// always possessed, because only a possessor can set permissions.
func addKernelKey(name string, value []byte, life time.Duration) error {
	runtime.LockOSThread() // the thread keyring belongs to this thread
	defer runtime.UnlockOSThread()
	id, err := unix.AddKey("user", name, value, unix.KEY_SPEC_THREAD_KEYRING)
	if err != nil {
		return err
	}
	defer func() { _, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_THREAD_KEYRING, 0, 0) }()
	if err := unix.KeyctlSetperm(id, kernelKeyPerm); err != nil {
		return err
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, max(1, int(life/time.Second)), 0, 0); err != nil {
		return err
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_LINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	return err
}

// readKernelKey returns a key of the user keyring. It returns false if the key is
// missing, expired or revoked, if access is denied (seccomp), or if the kernel has no
// keyrings.
func readKernelKey(name string, limit int) ([]byte, bool) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	if err != nil {
		return nil, false
	}
	buf := make([]byte, limit)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
	if err != nil || n > limit {
		return nil, false
	}
	return buf[:n], true
}

// removeKernelKey revokes the key, so that a process which knows its id can no longer
// read it, and removes it from the user keyring.
func removeKernelKey(name string) error {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED),
		errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return nil // it does not exist, or cannot
	case err != nil:
		return unavailable(err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0); err != nil {
		return unavailable(err)
	}
	_, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	return nil
}
