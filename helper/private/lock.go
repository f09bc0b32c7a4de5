package private

import (
	"context"
	"errors"
	"os"

	"github.com/credhelper/credhelper/helper/filelock"
	"github.com/credhelper/credhelper/helper/trust"
)

// Lock is a lock that is held. It is on a file of its own that is never deleted, and the kernel
// releases it when its holder dies.
type Lock struct {
	f    *os.File
	path string
}

// Lock takes the lock called name. It waits for other processes until the context ends,
// in the order of their arrival, and then returns ErrLocked; ErrNoLocks if the file
// system has no locks.
func (d Dir) Lock(ctx context.Context, name string) (*Lock, error) { return d.lock(ctx, name, true) }

// TryLock takes the lock called name, or returns ErrLocked at once.
func (d Dir) TryLock(name string) (*Lock, error) { return d.lock(context.Background(), name, false) }

func (d Dir) lock(ctx context.Context, name string, wait bool) (*Lock, error) {
	for {
		f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE)
		if err != nil && !d.IsFile(name) && d.remove(name) == nil { // an empty directory in its place
			f, err = d.OpenFile(name, os.O_RDWR|os.O_CREATE)
		}
		if err != nil {
			return nil, err
		}
		if err := take(ctx, f, wait); err != nil {
			return nil, err
		}
		if d.Holds(name, f) {
			return &Lock{f, d.At(name)}, nil
		}
		// The file was deleted while we waited: our lock is on a file that no other
		// process will find.
		f.Close()
	}
}

// take locks f exclusively, and closes it if that fails. The wait cannot be
// interrupted, so a goroutine waits; if the context ends first, it releases the lock
// when it gets it.
func take(ctx context.Context, f *os.File, wait bool) error {
	taken, err := filelock.Lock(f, filelock.Exclusive, false)
	if taken {
		return nil
	}
	if err != nil || !wait {
		f.Close()
		return lockError(err)
	}
	result, abandoned := make(chan error), make(chan struct{})
	go func() {
		_, err := filelock.Lock(f, filelock.Exclusive, true)
		select {
		case result <- err:
		case <-abandoned:
			f.Close()
		}
	}()
	select {
	case err := <-result:
		if err == nil {
			return nil
		}
		f.Close()
		return lockError(err)
	case <-ctx.Done():
		close(abandoned)
		return ErrLocked
	}
}

// lockError is the error for a lock that another process holds, or, with err, for a file
// system without locks.
func lockError(err error) error {
	if err == nil {
		return ErrLocked
	}
	return trust.Finding(ErrNoLocks, err.Error())
}

// Unlock gives the lock back. Nil is the lock of a place that has no working locks.
func (l *Lock) Unlock() {
	if l != nil {
		l.f.Close()
	}
}

// Path returns the path of the lock's file.
func (l *Lock) Path() string { return l.path }

// Touch changes the ctime and the size of the lock's file, so that its stamp changes,
// even twice within a tick of the clock.
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
