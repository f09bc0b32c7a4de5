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

// ErrPassphrase is the only error for a wrong passphrase (F12). It is also an
// ErrLocked: the keyring is unchanged.
var ErrPassphrase error = lockedBecause("wrong passphrase: the keyring is locked")

// MaxUnlocked is the longest time that an unlocked key stays in the kernel: a
// working day.
const MaxUnlocked = 8 * time.Hour

// ErrUnlock: Unlock opens the keyring. It is an ErrLocked, too.
var ErrUnlock error = lockedBecause("the keyring is locked by its passphrase")

// ErrKeyGone says that whatever opened the keyring is gone (F11). It is also an
// ErrLocked, which unlocking cannot end.
var ErrKeyGone error = lockedBecause("the keyring is locked: its key is gone")

// lockedBecause is the text of an ErrLocked that says more. fmt.Errorf at package level
// would be called at each start of the engine.
type lockedBecause string

func (e lockedBecause) Error() string { return string(e) }
func (lockedBecause) Unwrap() error   { return ErrLocked }

// The delay after wrong passphrases doubles with each, up to maxDelay, and is reset
// after an hour without an attempt. It is stored on disk, because each attempt may come
// from a new process; against someone with a copy of the files only scrypt helps.
const (
	firstDelay     = 250 * time.Millisecond
	maxDelay       = 10 * time.Second
	forgetFailures = time.Hour
	failuresName   = "failures"
	tryLockName    = "unlock.lock"
)

// Unlock opens the keyring with its passphrase, for this File and, if keep is positive,
// for every later process of this home: the key is then kept in the kernel's user
// keyring for keep, at most MaxUnlocked. A wrong passphrase is ErrPassphrase, at once
// the first time and ever later after that. If the kernel accepts no keys (as in many
// containers) the File is open and the error is ErrUnavailable.
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

// try tests one passphrase, one process at a time. The failure is recorded before the
// test, so that a killed attempt counts as well.
func (f *File) try(ctx context.Context, dir *directory, passphrase secret.Text) (*age.X25519Identity, error) {
	release, err := dir.lock(ctx, tryLockName)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errReadOnly): // unlock also works on a read-only disk
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
		// A clock that was set back must not lock anyone out for a year.
		if err := f.config.Sleep(ctx, min(wait, maxDelay)); err != nil {
			return nil, fmt.Errorf("%w: waiting after %d wrong passphrases: %w", ErrLocked, failed, err)
		}
	}
	noteFailures(dir, failed+1, f.config.Now())
	identity, err := unwrapIdentity(dir, passphrase)
	switch {
	case err == nil:
		_ = dir.remove(failuresName)
	case !errors.Is(err, ErrPassphrase): // not a wrong passphrase
		noteFailures(dir, failed, last)
	default:
		noteFailures(dir, failed+1, f.config.Now())
	}
	return identity, err
}

// delayAfter returns the delay after a number of failed attempts.
func delayAfter(failed int) time.Duration {
	switch {
	case failed <= 0:
		return 0
	case failed > 6: // 250 ms doubled six times is above maxDelay
		return maxDelay
	}
	return min(firstDelay<<(failed-1), maxDelay)
}

// failures reads the number of wrong passphrases and the time of the last. A damaged
// file counts as no failures: whoever can damage it can also read the keyring's files.
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

// noteFailures ignores errors: a full disk must not lock anyone out.
func noteFailures(dir *directory, failed int, last time.Time) {
	if failed == 0 {
		_ = dir.remove(failuresName)
		return
	}
	_ = dir.write(failuresName, fmt.Appendf(nil, "%d %d\n", failed, last.UnixMilli()))
}

// Lock destroys the unlocked key, here and in the kernel. A key file or a systemd
// credential opens the keyring again at the next use.
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

// intoKernel makes the identity available to later processes.
func (f *File) intoKernel(identity *age.X25519Identity, keep time.Duration) error {
	if f.config.Home == "" {
		return fmt.Errorf("%w: the kernel keyring is not used here", ErrUnavailable)
	}
	if err := addKernelKey(f.kernelName(), []byte(identity.String()), keep); err != nil {
		return fmt.Errorf("%w: the kernel keyring does not accept the key; use a key file or a systemd credential here: %w", ErrUnavailable, err)
	}
	return nil
}

// fromKernel returns the identity that Unlock has stored. A kernel that refuses has
// none.
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
