package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// socketDir creates a directory of mode 0700, whatever the umask (T2), for the socket:
// in the user's runtime directory if there is one. A socket's path has at most 107
// bytes, so a long TMPDIR or the state directory of a deep home cannot be used.
func socketDir(runtimeDir string, now time.Time) (string, error) {
	const longest = 60
	for _, parent := range []string{runtimeDir, os.TempDir()} {
		if !filepath.IsAbs(parent) || len(parent) > longest {
			continue
		}
		sweepSockets(parent, now)
		if dir, err := os.MkdirTemp(parent, "credhelper-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("/tmp", "credhelper-")
}

// sweepSockets removes the directories, with their sockets, that killed plugins have
// left. A directory must be our own and no link, older than a minute, so that none is
// removed while it is being set up, and hold nothing but sockets without a listener. It
// is accessed through its descriptor, because in a shared TMPDIR another user could
// replace it.
func sweepSockets(parent string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(parent, "credhelper-[0-9]*"))
	for _, path := range left {
		d, err := private.Open(path)
		if err != nil {
			continue
		}
		if made, err := d.Modified("."); err == nil && now.Sub(made) > time.Minute {
			removeDead(d)
			_ = os.Remove(path)
		}
		d.Close()
	}
}

// removeDead removes the sockets without a listener.
func removeDead(d private.Dir) {
	names, _ := d.Names()
	for _, name := range names {
		if d.IsFile(name) {
			continue
		}
		if conn, err := net.DialTimeout("unix", d.At(name), time.Second); err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			_ = d.Remove(name)
		}
	}
}
