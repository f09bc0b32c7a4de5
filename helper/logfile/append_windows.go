package logfile

import (
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// appendOnce writes to a file that was opened for appending. A file server, and Wine, find
// the end of the file and write there in two steps, so writers keep apart by a lock of
// their own, on a byte beside that of package filelock; they do not wait long for one that
// was stopped with it.
func appendOnce(f *os.File, b []byte) (int, error) {
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	file, own := windows.Handle(f.Fd()), &windows.Overlapped{Offset: 1, OffsetHigh: 1 << 30}
	for range 200 {
		if windows.LockFileEx(file, how, 0, 1, 0, own) == nil {
			defer windows.UnlockFileEx(file, 0, 1, 0, own)
			break
		}
		time.Sleep(time.Millisecond)
	}
	return f.Write(b)
}
