package logfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/filelock"
	"github.com/credhelper/credhelper/helper/private"
)

// Older is behind the name of the older file, of which one is kept.
const Older = ".1"

// ErrChanging says that the log was turned over each time that it was opened.
var ErrChanging = errors.New("the log is rotated again and again")

// Writers of a log hold a shared lock on the file, and rotation needs an exclusive one:
// a line must not be written to a file that has been rotated twice, nor a new log
// replace the older one. A holder may be stopped, so no one waits long.
const (
	tries = 20
	pause = 500 * time.Microsecond
)

// Writer appends to a log, which it keeps open until the process ends. It is safe for
// concurrent use.
type Writer struct {
	Path string

	mu   sync.Mutex
	file *os.File    // nil if not open
	ours os.FileInfo // which file it is
}

// Append appends a record with one write, so that the lines of many processes do not mix.
// A log of more than limit bytes is turned over first. After an error the line is not in
// the log, or only a part of it that readers pass over.
func (w *Writer) Append(limit int64, r Record) error {
	line := r.appendJSON(make([]byte, 0, 512))
	w.mu.Lock()
	defer w.mu.Unlock()
	turns := true // it is turned over when it has to be
	for range tries {
		if err := w.open(); err != nil {
			return err
		}
		locked := lock(w.file, filelock.Shared)
		size, current := w.look()
		if !current { // another process turned it over
			w.close()
			continue
		}
		if turns && size > limit {
			turns = w.turn()
			continue
		}
		err := w.write(line)
		if locked {
			err = errors.Join(err, filelock.Unlock(w.file))
		}
		return err
	}
	return &fs.PathError{Op: "open", Path: w.Path, Err: ErrChanging}
}

// open opens the log, or creates it.
func (w *Writer) open() error {
	if w.file != nil {
		return nil
	}
	d, err := private.Enter(filepath.Dir(w.Path))
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := d.OpenFile(filepath.Base(w.Path), os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	if w.ours, err = f.Stat(); err != nil {
		f.Close()
		return err
	}
	w.file = f
	return nil
}

func (w *Writer) close() {
	w.file.Close()
	w.file = nil
}

// look returns the size of the log, and whether it still is the open file.
func (w *Writer) look() (size int64, current bool) {
	there, err := os.Lstat(w.Path)
	if err != nil {
		return 0, false
	}
	return there.Size(), os.SameFile(there, w.ours)
}

// turn turns the log over, unless another process has done so or is writing, and reports
// whether it may be tried again. If it cannot be renamed it grows, which is better than
// losing a line. Our shared lock is gone in any case.
func (w *Writer) turn() bool {
	if !lock(w.file, filelock.Exclusive) {
		return false // a current writer will do it with the next line
	}
	defer w.close()
	d, err := private.Enter(filepath.Dir(w.Path))
	if err != nil {
		return false
	}
	defer d.Close()
	name := filepath.Base(w.Path)
	return !d.Holds(name, w.file) || d.Rename(name, name+Older) == nil
}

func (w *Writer) write(line []byte) error {
	n, err := appendOnce(w.file, line)
	if err == nil && n < len(line) {
		err = &fs.PathError{Op: "write", Path: w.Path, Err: io.ErrShortWrite}
	}
	if err != nil && n > 0 {
		w.cut(int64(n))
	}
	return err
}

// cut removes the n bytes that a full disk left of a line, if they still are the last ones
// and no other process is writing. Else it ends them, and readers pass over them.
func (w *Writer) cut(n int64) {
	end, err := w.file.Seek(0, io.SeekCurrent) // where our write ended
	if err != nil {
		return
	}
	for range tries {
		if lock(w.file, filelock.Exclusive) {
			info, err := w.file.Stat()
			if err == nil && (info.Size() != end || w.file.Truncate(end-n) == nil) {
				return
			}
			break
		}
		time.Sleep(pause)
	}
	_, _ = appendOnce(w.file, []byte("\n"))
}

// lock tries for a moment. False means that somebody was stopped while holding it, or
// that the file system has no locks.
func lock(f *os.File, kind filelock.Kind) bool {
	for range tries {
		taken, err := filelock.Lock(f, kind, false)
		if taken {
			return true
		}
		if kind == filelock.Exclusive || err != nil {
			return false
		}
		time.Sleep(pause)
	}
	return false
}
