package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketDir makes a directory for the socket, of mode 0700 whatever the umask
// (T2): in the user's own runtime directory if there is one. The path of a socket
// has at most 107 octets, so a long TMPDIR will not do, nor the state directory of
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

// sweepSockets removes what plugins left that were killed: a directory of that name
// and its socket, if nobody listens there. One that is being made is too young, and
// one with anything else in it stays.
func sweepSockets(parent string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(parent, "credhelper-[0-9]*"))
	for _, dir := range left {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || now.Sub(info.ModTime()) < time.Minute {
			continue
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if e.Type() != fs.ModeSocket {
				continue
			}
			if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
				conn.Close()
			} else if errors.Is(err, syscall.ECONNREFUSED) {
				_ = os.Remove(path)
			}
		}
		_ = os.Remove(dir)
	}
}
