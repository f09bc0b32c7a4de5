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

// socketDir makes a directory for the socket, of mode 0700 whatever the umask
// (T2): in the user's own runtime directory if there is one. The path of a socket
// has at most 107 bytes, so a long TMPDIR will not do, nor the state directory of
// a deep home.
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

// sweepSockets removes what plugins left that were killed: a directory of that name,
// ours and no link, and its socket, if nobody listens there. One that is being made
// is too young, and one with anything else in it stays. The directory is held by its
// descriptor: in a shared TMPDIR somebody could put another one in its place.
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

// removeDead removes the sockets to which nobody listens.
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
