package private

import (
	"context"
	"errors"
	"os"
)

// Lock is a held lock. It is on a file of its own that is never deleted, and the
// kernel gives it back when its holder dies, however it dies.
type Lock struct{ f *os.File }

// Lock takes the lock called name, and waits for other processes until the context
// ends, in the order in which they came; then ErrLocked. Where the file system has
// no locks it is ErrNoLocks.
func (d Dir) Lock(ctx context.Context, name string) (*Lock, error) { return d.lock(ctx, name, true) }

// TryLock takes the lock called name, or returns ErrLocked at once.
func (d Dir) TryLock(name string) (*Lock, error) { return d.lock(context.Background(), name, false) }

func (d Dir) lock(ctx context.Context, name string, wait bool) (*Lock, error) {
	for {
		f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE)
		if err != nil && !d.IsFile(name) && d.remove(name) == nil { // an empty directory
			f, err = d.OpenFile(name, os.O_RDWR|os.O_CREATE)
		}
		if err != nil {
			return nil, err
		}
		if err := take(ctx, f, wait); err != nil {
			return nil, err
		}
		if d.Holds(name, f) {
			return &Lock{f}, nil
		}
		// Somebody deleted the file while we waited: the lock that we hold is on a
		// file that nobody else will find.
		f.Close()
	}
}

// take locks f alone, and closes it if that fails. The wait itself cannot be
// interrupted, so a goroutine waits; if the context ends first, it gives the lock
// back should it still come.
func take(ctx context.Context, f *os.File, wait bool) error {
	taken, err := lockFile(f, Alone, false)
	if taken {
		return nil
	}
	if err == nil && !wait {
		err = ErrLocked
	}
	if err != nil {
		f.Close()
		return err
	}
	held, abandoned := make(chan error), make(chan struct{})
	go func() {
		_, err := lockFile(f, Alone, true)
		select {
		case held <- err:
		case <-abandoned:
			f.Close()
		}
	}()
	select {
	case err := <-held:
		if err != nil {
			f.Close()
		}
		return err
	case <-ctx.Done():
		close(abandoned)
		return ErrLocked
	}
}

// Unlock gives the lock back. Nil is the lock of a place that has no working locks.
func (l *Lock) Unlock() {
	if l != nil {
		l.f.Close()
	}
}

// Path is where the lock's file is.
func (l *Lock) Path() string { return l.f.Name() }

// Touch changes the ctime and the size of the lock's file, so that whoever stamped
// it sees a change, even a second one within a tick of the clock.
func (l *Lock) Touch() error { return touch(l.f) }

// TouchLock does the same to the lock called name, whoever holds it.
func (d Dir) TouchLock(name string) error {
	f, err := d.OpenFile(name, os.O_RDWR)
	if err != nil {
		return err
	}
	return errors.Join(touch(f), f.Close())
}

func touch(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt([]byte{0}, info.Size())
	}
	return err
}

// TryLockFile locks an open file, which closing it gives back. False means that
// another process has it; an error, that there are no locks.
func TryLockFile(f *os.File, kind LockKind) (bool, error) { return lockFile(f, kind, false) }
