package desktop

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/helper/keyring"
)

// inOwnSession runs call in a thread with a session keyring of its own. The
// library makes every key in the session keyring and moves it from there: in a
// shared one, two writers of one key would take it from each other, and
// goroutines that change threads would find themselves in another. The thread
// ends with call, since it is never unlocked, and its keyring with it.
func inOwnSession(call func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if _, err := unix.KeyctlJoinSessionKeyring(""); err != nil {
			done <- fmt.Errorf("%w: the kernel keyring refuses: %w", keyring.ErrUnavailable, err)
			return
		}
		done <- call()
	}()
	return <-done
}
