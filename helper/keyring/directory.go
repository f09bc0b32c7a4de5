package keyring

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Modes of everything of ours on disk, set explicitly: no umask may widen or
// narrow them (security.md T1).
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Names inside a directory that are not items.
const (
	lockName    = "lock"    // never deleted: two holders of two inodes would both hold "the" lock
	tempPrefix  = ".tmp-"   // what a killed writer leaves behind
	staleTemp   = time.Hour // no writer lives that long
	lockPatient = 2 * time.Second
)

// A directory of ours, held by descriptor: owned by us, closed to others, not a
// symbolic link. All access goes through the descriptor, so that nobody can
// exchange the folder between a check and its use (T17). The methods that
// differ by system are in directory_unix.go and directory_windows.go.
type directory struct {
	path string
	handle
}

// openDirectory opens path, which must be absolute, and refuses what is not
// private; with create it makes what is missing. A missing directory is
// fs.ErrNotExist.
func openDirectory(path string, create bool) (*directory, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%w: %s is not an absolute path", ErrInvalid, path)
	}
	h, err := openHandle(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
			return nil, unavailable(err)
		}
		h, err = makeHandle(path)
	}
	if err != nil {
		return nil, err
	}
	return &directory{path: path, handle: h}, nil
}

// read returns a private regular file of at most limit octets. It never
// follows a link and never blocks on a pipe or a device (F13).
func (d *directory) read(name string, limit int) ([]byte, error) {
	f, err := d.openFile(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := d.checkFile(f, name); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, unavailable(err)
	}
	if len(data) > limit {
		return nil, fmt.Errorf("%w: %s has more than %d octets", ErrDamaged, d.at(name), limit)
	}
	return data, nil
}

// write puts data in place of name so that a reader, a kill or a full disk
// finds the old or the new content whole (F1, F2): a temporary file of its own
// name, flushed, renamed, and the directory flushed after it.
func (d *directory) write(name string, data []byte) (err error) {
	temp := tempPrefix + randomName()
	f, err := d.openFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // a second time, on most ways here: harmless
			_ = d.remove(temp)
		}
	}()
	if err := setFileMode(f); err != nil {
		return unavailable(err)
	}
	if _, err := f.Write(data); err != nil {
		return unavailable(err)
	}
	if err := f.Sync(); err != nil {
		return unavailable(err)
	}
	if err := f.Close(); err != nil {
		return unavailable(err)
	}
	if err := d.rename(temp, name); err != nil {
		return unavailable(err)
	}
	return d.sync()
}

// sweep removes temporary files that are older than staleTemp. It is best
// effort: a leftover is untidy, not wrong.
func (d *directory) sweep(now time.Time) {
	names, err := d.list()
	if err != nil {
		return
	}
	for _, name := range names {
		if !strings.HasPrefix(name, tempPrefix) {
			continue
		}
		if made, err := d.modified(name); err == nil && now.Sub(made) > staleTemp {
			_ = d.remove(name)
		}
	}
}

// lock takes the exclusive lock called name, waiting for other processes at
// most lockPatient, in the order in which they came. Integrity never rests on
// it, renaming gives that: on a disk without locks (F17) the caller goes on
// without.
func (d *directory) lock(ctx context.Context, name string) (release func(), err error) {
	f, err := d.openFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := d.checkFile(f, name); err != nil {
		f.Close()
		return nil, err
	}
	_ = setFileMode(f) // a strange umask at its creation must not lock us out later
	release = func() { f.Close() }
	if taken, err := takeLock(f, false); taken || err != nil {
		return release, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatient)
	defer cancel()
	held := make(chan struct{})
	abandoned := make(chan struct{})
	go func() { // the kernel keeps the order, which asking again and again would not
		_, _ = takeLock(f, true)
		select {
		case held <- struct{}{}:
		case <-abandoned:
			f.Close()
		}
	}()
	select {
	case <-held:
		return release, nil
	case <-ctx.Done():
		close(abandoned)
		return nil, fmt.Errorf("%w: another process holds %s", ErrUnavailable, d.at(name))
	}
}

// items lists the names that end in suffix, without it, in ascending order.
func (d *directory) items(suffix string) ([]string, error) {
	all, err := d.list()
	if err != nil {
		return nil, unavailable(err)
	}
	var keys []string
	for _, name := range all {
		if key, ok := strings.CutSuffix(name, suffix); ok && ValidKey(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// at is where name is, for messages.
func (d *directory) at(name string) string { return filepath.Join(d.path, name) }

// randomName is a name that no other process chooses.
func randomName() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// unavailable says that the system refused; a path in err stays in it.
func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
