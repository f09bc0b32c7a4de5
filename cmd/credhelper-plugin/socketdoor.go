package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
	"github.com/credhelper/credhelper/protocol/printable"
)

// socketScheme is how a door's address begins if it is a Unix socket.
const socketScheme = "unix:"

// listenAtSocket listens at a Unix socket of mode 0600, in a directory that is ours alone.
func (p *plugin) listenAtSocket(path string, call inner.ProxyCall) (net.Listener, hosts, error) {
	h, err := socketHosts(path, call.Names)
	if err == nil && call.TLS {
		err = malformed("--tls is for an address, and not for a Unix socket")
	}
	if err != nil {
		return nil, h, err
	}
	l, err := p.activated()
	if err != nil {
		return nil, h, policy("proxy: " + printable.Line(err.Error()))
	}
	if l == nil {
		if l, err = newSocket(path); err != nil {
			return nil, h, err
		}
	}
	if _, ok := l.(*net.UnixListener); !ok {
		l.Close()
		return nil, h, policy("the socket of the service manager is not at " + printable.Value(path))
	}
	return l, h, nil
}

func newSocket(path string) (net.Listener, error) {
	const longest = 107
	if !filepath.IsAbs(path) || len(path) > longest {
		return nil, malformed("--listen unix: wants an absolute path of at most " + strconv.Itoa(longest) + " bytes")
	}
	dir, err := private.Find(filepath.Dir(path))
	if err != nil {
		why := printable.Line(err.Error())
		if info, err := os.Lstat(filepath.Dir(path)); err == nil && info.IsDir() && info.Mode().Perm()&0o077 != 0 {
			why = printable.Value(filepath.Dir(path)) + " is open to other users" // as /tmp has to be
		}
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "--listen unix: " + why,
			Hint: "name a directory that is yours alone; to make one: mkdir -m 700 DIR"}
	}
	defer dir.Close()
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		defer c.Close()
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Value(path) + " is taken by " + programAt(c.(*net.UnixConn)), Hint: "end that program, or listen elsewhere"}
	} else if errors.Is(err, syscall.ECONNREFUSED) && !dir.IsFile(filepath.Base(path)) {
		_ = dir.Remove(filepath.Base(path)) // of a door that was killed
	}
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return nil, policy("proxy: " + printable.Line(err.Error()))
	}
	return l, nil
}

// socketHosts lists the values of the Host field at a socket. There is no port.
func socketHosts(path string, names []string) (h hosts, err error) {
	h.scheme, h.url, h.list = "http", socketScheme+path, []string{"localhost"}
	for _, name := range names {
		host, _, _ := strings.Cut(strings.ToLower(name), ":")
		if !hostName(host) {
			return h, malformed("--name wants NAME or NAME:PORT")
		}
		h.list = append(h.list, strings.ToLower(name))
	}
	return h, nil
}

// checkSocket finds out who the other end of a Unix socket is (SO_PEERCRED).
func (s *service) checkSocket(c *net.UnixConn) (door.Peer, error) {
	peer := door.Peer{Addr: c.RemoteAddr(), Local: true, UID: -1}
	uid, pid, asked := peerOf(c)
	if !asked { // not Linux: only we can reach the socket
		return peer, nil
	}
	if uid < 0 {
		return peer, errNotOurs
	}
	peer.UID, peer.PID = uid, pid
	if uid != userOf() && !s.book.Serves(context.Background(), uid) {
		return peer, errNotOurs
	}
	return peer, nil
}

// programAt says who listens at the other end.
func programAt(c *net.UnixConn) string {
	if _, pid, asked := peerOf(c); asked && pid != 0 {
		return "process " + strconv.Itoa(pid) + " (" + filepath.Base(executableOf(pid)) + ")"
	}
	return "another process"
}
