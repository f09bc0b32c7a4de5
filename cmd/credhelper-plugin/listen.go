package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/door"
	"github.com/credhelper/credhelper/protocol/printable"
)

// hosts are the values of the Host field by which the door may be reached. No other one
// is answered: a name that an attacker's DNS points to this machine is not ours.
type hosts struct {
	own  string // of the door itself
	list []string
}

func (h hosts) has(host string) bool { return slices.Contains(h.list, host) }

// listen listens where the call says, which is this machine only.
func (p *plugin) listen(call inner.ProxyCall) (net.Listener, hosts, error) {
	at, err := netip.ParseAddrPort(strings.Replace(call.Listen, "localhost:", "127.0.0.1:", 1))
	if err != nil {
		return nil, hosts{}, malformed("--listen wants an address and a port, such as " + inner.DefaultListen)
	}
	if !at.Addr().IsLoopback() {
		return nil, hosts{}, policy("--listen " + at.String() + " is not an address of this machine alone, and without TLS secrets would be sent in clear")
	}
	l, err := p.activated()
	if l == nil && err == nil {
		l, err = net.Listen("tcp", at.String())
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, hosts{}, &protocol.Error{Kind: protocol.ErrPolicy, Text: at.String() + " is taken by " + holder(at),
			Hint: "end that program, or listen elsewhere: credhelper proxy --listen " + at.Addr().String() + ":PORT"}
	}
	if err != nil {
		return nil, hosts{}, policy("proxy: " + printable.Line(err.Error()))
	}
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok || !tcp.AddrPort().Addr().Unmap().IsLoopback() {
		l.Close()
		return nil, hosts{}, policy("the socket of the service manager is not at an address of this machine alone")
	}
	own := netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	names, err := hostsOf(own, call.Names)
	if err != nil {
		l.Close()
		return nil, hosts{}, err
	}
	return l, names, nil
}

// activated returns the socket that a service manager has opened for us (sd_listen_fds(3));
// nil if there is none. It is held from the machine's start on, so nobody else can be
// there first, and no request is lost while the door is started again.
func (p *plugin) activated() (net.Listener, error) {
	const first = 3
	of, _ := cache.Lookup(p.environ, "LISTEN_PID")
	n, _ := cache.Lookup(p.environ, "LISTEN_FDS")
	if of != strconv.Itoa(os.Getpid()) || n == "" || n == "0" {
		return nil, nil
	}
	f := os.NewFile(first, "socket")
	defer f.Close()
	return net.FileListener(f)
}

// hostsOf lists the values of the Host field for an address and further names.
func hostsOf(own netip.AddrPort, names []string) (h hosts, err error) {
	port := strconv.Itoa(int(own.Port()))
	h.own = own.String()
	h.list = []string{h.own}
	if own.Addr().IsLoopback() {
		h.list = append(h.list, "localhost:"+port)
	}
	for _, name := range names {
		name = strings.ToLower(name)
		if host, given, err := net.SplitHostPort(name); err == nil {
			if n, err := strconv.ParseUint(given, 10, 16); err != nil || n == 0 || !hostName(host) {
				return h, malformed("--name wants NAME or NAME:PORT")
			}
			h.list = append(h.list, name)
			continue
		}
		if !hostName(name) {
			return h, malformed("--name wants NAME or NAME:PORT")
		}
		h.list = append(h.list, net.JoinHostPort(name, port))
	}
	return h, nil
}

// hostName reports whether s is a host name or an address, and no pattern.
func hostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && s[0] != '.' && s[0] != '-'
}

// check finds out who the other end of a connection is. It refuses a user of this
// machine who is neither us nor a user of one of the guests, before a byte is read.
func (s *service) check(c net.Conn) (door.Peer, error) {
	peer := door.Peer{Addr: c.RemoteAddr(), UID: -1}
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	local, ok2 := c.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 {
		return peer, errNotOurs
	}
	peer.Local = onThisMachine(remote.AddrPort().Addr().Unmap())
	if !peer.Local {
		return peer, errNotOurs
	}
	uid, inode, asked := ownerOf(remote.AddrPort(), local.AddrPort())
	if !asked { // not Linux
		return peer, nil
	}
	if inode == 0 { // it is closed, and has no owner any more: nobody, also not root
		return peer, errNotOurs
	}
	peer.UID, peer.Inode = uid, inode
	if uid != userOf() && !s.book.Serves(context.Background(), uid) {
		return peer, errNotOurs
	}
	return peer, nil
}

// onThisMachine reports whether an address is one of this machine's, so that the kernel
// knows the process at the other end.
func onThisMachine(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return true // then the kernel's answer decides
	}
	return slices.ContainsFunc(list, func(n net.Addr) bool {
		prefix, err := netip.ParsePrefix(n.String())
		return err == nil && prefix.Addr().Unmap() == a
	})
}

// mayUse reports whether a guest may use the connection of a request.
func mayUse(ctx context.Context, a guest.Admitted) bool {
	peer, ok := door.PeerOf(ctx)
	if !ok {
		return false
	}
	if peer.Local {
		return peer.UID < 0 || peer.UID == userOf() || slices.Contains(a.Users, peer.UID)
	}
	remote, ok := peer.Addr.(*net.TCPAddr)
	return ok && slices.ContainsFunc(a.Networks, func(n netip.Prefix) bool { return n.Contains(remote.AddrPort().Addr().Unmap()) })
}

// notify sends one datagram to a service manager. Errors are ignored: a service also
// runs without one.
func notify(address, text string) {
	if conn, err := net.Dial("unixgram", address); err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte(text))
		conn.Close()
	}
}
