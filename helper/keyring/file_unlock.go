package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/credhelper/credhelper/protocol/secret"
)

// ErrPassphrase is the one answer to every wrong passphrase (F12). It is an
// ErrLocked too: the keyring stays as it was.
var ErrPassphrase = fmt.Errorf("wrong passphrase: %w", ErrLocked)

// MaxUnlocked is the longest time that an unlocked key stays in the kernel: a
// working day.
const MaxUnlocked = 8 * time.Hour

// ErrKeyGone: what opened the keyring is not there any more (F11). It is an
// ErrLocked too, which no unlocking ends.
var ErrKeyGone = fmt.Errorf("%w: its key is gone", ErrLocked)

// The delay after wrong passphrases: it doubles with each, up to maxDelay, and
// is forgotten after an hour without a try. It is kept on disk, because each
// try may come from a new process; someone with a copy of the files is stopped
// by scrypt alone.
const (
	firstDelay     = 250 * time.Millisecond
	maxDelay       = 10 * time.Second
	forgetFailures = time.Hour
	failuresName   = "failures"
	tryLockName    = "unlock.lock"
)

// Unlock opens the keyring with its passphrase, for this File, and for every
// later process of this home if keep is positive: the key then waits in the
// kernel's user keyring for keep, at most MaxUnlocked. A wrong passphrase is
// ErrPassphrase, at once the first time, ever later after it. Where the kernel
// takes no keys (many containers) the File is open and the error is
// ErrUnavailable.
func (f *File) Unlock(ctx context.Context, passphrase secret.Text, keep time.Duration) error {
	dir, err := openDirectory(f.config.Dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return f.in(fmt.Errorf("%w: there is nothing to unlock", ErrInvalid))
	} else if err != nil {
		return f.in(err)
	}
	defer dir.Close()
	identity, err := f.try(ctx, dir, passphrase)
	if err != nil {
		return f.in(err)
	}
	f.keep(identity, OpenedByUnlock)
	if keep <= 0 {
		return nil
	}
	return f.in(f.intoKernel(identity, min(keep, MaxUnlocked)))
}

// try tests one passphrase, one process at a time. The failure is written
// before it is known to be one, so that a killed guess counts as well.
func (f *File) try(ctx context.Context, dir *directory, passphrase secret.Text) (*age.X25519Identity, error) {
	release, err := dir.lock(ctx, tryLockName)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errReadOnly): // unlock works on a read-only disk
		return unwrapIdentity(dir, passphrase)
	case err != nil:
		return nil, err
	}
	defer release()
	failed, last := failures(dir)
	if f.config.Now().Sub(last) > forgetFailures {
		failed = 0
	}
	if wait := last.Add(delayAfter(failed)).Sub(f.config.Now()); wait > 0 {
		// A clock that was set back must not lock anybody out for a year.
		if err := f.config.Sleep(ctx, min(wait, maxDelay)); err != nil {
			return nil, fmt.Errorf("%w: waiting after %d wrong passphrases: %w", ErrLocked, failed, err)
		}
	}
	noteFailures(dir, failed+1, f.config.Now())
	identity, err := unwrapIdentity(dir, passphrase)
	switch {
	case err == nil:
		_ = dir.remove(failuresName)
	case !errors.Is(err, ErrPassphrase): // nobody guessed anything
		noteFailures(dir, failed, last)
	default:
		noteFailures(dir, failed+1, f.config.Now())
	}
	return identity, err
}

// delayAfter is how long after the last of failed tries the next may come.
func delayAfter(failed int) time.Duration {
	switch {
	case failed <= 0:
		return 0
	case failed > 6: // 250 ms doubled six times is above maxDelay
		return maxDelay
	}
	return min(firstDelay<<(failed-1), maxDelay)
}

// failures reads the number of wrong passphrases and the time of the last.
// Whoever can damage the file can read the keyring's files too, and needs no
// mercy from it: damage is no failures.
func failures(dir *directory) (failed int, last time.Time) {
	text, err := dir.read(failuresName, 64)
	if err != nil {
		return 0, time.Time{}
	}
	count, at, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	n, err := strconv.Atoi(count)
	seconds, err2 := strconv.ParseInt(at, 10, 64)
	if err != nil || err2 != nil || n < 0 || n > 1<<20 {
		return 0, time.Time{}
	}
	return n, time.UnixMilli(seconds)
}

// noteFailures is best effort: a full disk must not keep anybody out.
func noteFailures(dir *directory, failed int, last time.Time) {
	if failed == 0 {
		_ = dir.remove(failuresName)
		return
	}
	_ = dir.write(failuresName, fmt.Appendf(nil, "%d %d\n", failed, last.UnixMilli()))
}

// Lock forgets the unlocked key, here and in the kernel. A key file or a
// systemd credential opens the keyring again at the next use.
func (f *File) Lock(context.Context) error {
	f.mu.Lock()
	f.identity, f.openedBy = nil, OpenedByNothing
	f.mu.Unlock()
	if f.config.Home == "" {
		return nil
	}
	return f.in(removeKernelKey(f.kernelName()))
}

// kernelName describes the unlocked key in the kernel's user keyring.
func (f *File) kernelName() string { return "credhelper:identity:" + f.config.Home }

// intoKernel leaves the identity to later processes.
func (f *File) intoKernel(identity *age.X25519Identity, keep time.Duration) error {
	if f.config.Home == "" {
		return fmt.Errorf("%w: the kernel keyring is not used here", ErrUnavailable)
	}
	if err := addKernelKey(f.kernelName(), []byte(identity.String()), keep); err != nil {
		return fmt.Errorf("%w: the kernel keyring does not take the key, use a key file or a systemd credential here: %w", ErrUnavailable, err)
	}
	return nil
}

// fromKernel finds what Unlock left. A kernel that refuses has nothing of ours.
func (f *File) fromKernel(context.Context, *directory) (*age.X25519Identity, error) {
	if f.config.Home == "" {
		return nil, nil
	}
	text, found := readKernelKey(f.kernelName(), maxIdentity)
	if !found {
		return nil, nil
	}
	return parseIdentity(text)
}
