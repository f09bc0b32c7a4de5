package keyring

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// errReadOnly is what a read-only disk says.
var errReadOnly error = unix.EROFS

// kernelKeyPerm: everything for who possesses the key, and view, read, write,
// search and link for the same uid. The default gives the uid nothing but
// view, and a process whose session keyring does not link the user keyring
// (cron, services, su) possesses nothing: it would get EACCES.
const kernelKeyPerm = 0x3f1f0000

// addKernelKey puts a key of type user into the user keyring, in place of one
// with the same name, and gives it a life. It is made in the thread keyring,
// which is always possessed, since only a possessor may set permissions.
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

// readKernelKey returns a key of the user keyring. Absent, expired, revoked,
// refused (seccomp) and unknown to this kernel are all "not there".
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

// removeKernelKey revokes the key, so that a process which holds its id cannot
// read it any more, and takes it out of the user keyring.
func removeKernelKey(name string) error {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED),
		errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return nil // not there, or never could be
	case err != nil:
		return unavailable(err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0); err != nil {
		return unavailable(err)
	}
	_, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	return nil
}
