package desktop

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/helper/keyring"
)

// inOwnSession runs call in a thread with its own session keyring. The library creates
// every key in the session keyring and moves it from there: in a shared one, two
// writers of one key would take it from each other, and goroutines that change threads
// would find themselves in another. The thread ends with call, because it is never
// unlocked, and its keyring ends with it.
//
// An ordinary user may have 200 keys (/proc/sys/kernel/keys/maxkeys), and the kernel
// frees a replaced one some milliseconds later: a write that exceeds the quota is
// repeated as long as there is time.
func inOwnSession(ctx context.Context, call func() error) error {
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		done := make(chan error, 1)
		go func() {
			runtime.LockOSThread()
			// No name: a new keyring. x/sys's own function can only pass an empty name,
			// which is EINVAL.
			if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
				done <- fmt.Errorf("%w: the kernel keyring refuses: %w", keyring.ErrUnavailable, err)
				return
			}
			done <- call()
		}()
		err := <-done
		// The library keeps only the text of the error.
		if err == nil || pause > time.Second || hasMeaning(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// keyGone reports whether a key that was found by its name was no longer there to be read
// (ENOKEY) or unlinked (ENOENT).
func keyGone(err error) bool {
	return errors.Is(err, unix.ENOKEY) || errors.Is(err, unix.ENOENT)
}

// userKeyNames lists the user keyring. The library's own list fails completely if a
// single key of any program has expired or may not be viewed.
func userKeyNames() ([]string, error) {
	ids := make([]byte, 0, 4096)
	for {
		n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, unix.KEY_SPEC_USER_KEYRING, ids[:cap(ids)], 0)
		if err != nil {
			return nil, fmt.Errorf("%w: listing the user keyring: %w", keyring.ErrUnavailable, err)
		}
		if n <= cap(ids) {
			ids = ids[:n]
			break
		}
		ids = make([]byte, 0, 2*n) // others may add keys meanwhile
	}
	var names []string
	for ; len(ids) >= 4; ids = ids[4:] {
		id := int32(binary.NativeEndian.Uint32(ids))
		described, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, int(id)) // type;uid;gid;perm;description
		if err != nil {
			continue // gone, expired or not ours
		}
		if name, isUser := strings.CutPrefix(described, "user;"); isUser {
			names = append(names, name[strings.LastIndexByte(name, ';')+1:])
		}
	}
	return names, nil
}
