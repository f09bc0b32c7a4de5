package helper

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// The log is turned over when it has grown to logLimit; one older file is kept.
const (
	logLimit = 1 << 20
	olderLog = ".1"
)

// The writers of a log share a lock on the file while they write, and whoever turns
// it over needs it alone: a line must not go to a file that was turned over twice
// meanwhile, nor a new log over the older one. A holder may be stopped, so nobody
// waits long.
const (
	logTries = 20
	logPause = 500 * time.Microsecond
)

// appendLog appends one line with one write, so that the lines of many processes do
// not mix.
func appendLog(path string, line []byte) {
	d, err := private.Enter(filepath.Dir(path))
	if err != nil {
		return
	}
	defer d.Close()
	name, turns := filepath.Base(path), true
	for range logTries {
		f, err := d.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
		if err != nil {
			return
		}
		if info, err := f.Stat(); turns && err == nil && info.Size() > logLimit && lockFile(f, private.Alone) {
			// Where it cannot be renamed it grows: better than no line.
			turns = !d.Holds(name, f) || d.Rename(name, name+olderLog) == nil
			f.Close()
			continue
		}
		if !lockFile(f, private.Shared) || d.Holds(name, f) {
			_, _ = f.Write(line)
			f.Close()
			return
		}
		f.Close() // it was turned over between the opening and the lock
	}
}

// lockFile tries for a moment. False means that somebody was stopped while holding
// it, or that the file system has no locks.
func lockFile(f *os.File, kind private.LockKind) bool {
	for range logTries {
		taken, err := private.TryLockFile(f, kind)
		if taken {
			return true
		}
		if kind == private.Alone || err != nil {
			return false // whoever writes now turns it over at the next line
		}
		time.Sleep(logPause)
	}
	return false
}

// Log reads the log, oldest first, and calls yield for each line until it
// returns false. Lines that cannot be read are left out. Errors wrap
// protocol.ErrPolicy.
func (h *Helper) Log(yield func(Record) bool) error { return h.eachRecord(nil, yield) }

// eachRecord is Log for the lines with a text in them, which spares the reading of
// the others.
func (h *Helper) eachRecord(with []byte, yield func(Record) bool) error {
	return readLog(h.config.Dirs.Log(), func(line []byte) bool {
		var r Record
		return !bytes.Contains(line, with) || json.Unmarshal(line, &r) != nil || yield(r)
	})
}

// readLog calls yield for each line of both files of a log.
func readLog(path string, yield func(line []byte) bool) error {
	files, err := openLog(path)
	for _, f := range files {
		defer f.Close()
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		// One line is turned over late where a writer was stopped.
		lines := bufio.NewScanner(io.LimitReader(f, 4*logLimit))
		lines.Buffer(nil, 4*logLimit)
		for lines.Scan() {
			if !yield(lines.Bytes()) {
				return nil
			}
		}
	}
	return nil
}

// openLog opens the older log and the log, those that are there, so that no line
// is in both and none is in neither.
func openLog(path string) (files []*os.File, err error) {
	d, err := private.Enter(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadableLog(err)
	}
	defer d.Close()
	name := filepath.Base(path)
	for range logTries {
		newer, err := openLogFile(d, name)
		if err != nil {
			return nil, err
		}
		if newer != nil {
			if lockFile(newer, private.Shared); !d.Holds(name, newer) {
				newer.Close() // it has just become the older one
				continue
			}
			files = append(files, newer)
		}
		older, err := openLogFile(d, name+olderLog)
		if older != nil {
			files = []*os.File{older, newer}
			if newer == nil {
				files = files[:1]
			}
		}
		return files, err
	}
	return nil, policy("the log is turned over again and again: " + path)
}

func openLogFile(d private.Dir, name string) (*os.File, error) {
	f, err := d.OpenFile(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadableLog(err)
	}
	return f, nil
}

func unreadableLog(err error) error { return policy("cannot read the log: " + err.Error()) }
