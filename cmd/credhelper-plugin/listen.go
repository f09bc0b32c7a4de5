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

// listen listens where the call says, or takes the socket of a service manager. Beyond
// this machine it is only TLS that is served.
func (p *plugin) listen(call inner.ProxyCall) (net.Listener, hosts, error) {
	if path, ok := strings.CutPrefix(call.Listen, socketScheme); ok {
		return p.listenAtSocket(path, call)
	}
	at, err := netip.ParseAddrPort(strings.Replace(call.Listen, "localhost:", "127.0.0.1:", 1))
	if err != nil {
		return nil, hosts{}, malformed("--listen wants an address and a port, such as " + inner.DefaultListen)
	}
	l, err := p.activated()
	if l == nil && err == nil {
		if err := mayListen(at.Addr(), call); err != nil {
			return nil, hosts{}, err
		}
		l, err = net.Listen("tcp", at.String())
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, hosts{}, taken(at)
	}
	if err != nil {
		return nil, hosts{}, policy("proxy: " + printable.Line(err.Error()))
	}
	names, err := listenerHosts(l, call)
	if err != nil {
		l.Close()
	}
	return l, names, err
}

// taken is the error for an address at which another program listens.
func taken(at netip.AddrPort) error {
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: at.String() + " is taken by " + holder(at),
		Hint: "end that program, or listen elsewhere: credhelper proxy --listen " + net.JoinHostPort(at.Addr().String(), "PORT")}
}

// listenerHosts returns the Host fields for a listener, whose address a service manager may
// have chosen.
func listenerHosts(l net.Listener, call inner.ProxyCall) (hosts, error) {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return hosts{}, policy("the socket of the service manager is not one of TCP")
	}
	at := tcp.AddrPort()
	own := netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	if err := mayListen(own.Addr(), call); err != nil {
		return hosts{}, err
	}
	return hostsOf(own, call)
}

// mayListen refuses an address that other machines reach, if secrets would be sent in
// clear, or nobody said by which name the door is known there.
func mayListen(a netip.Addr, call inner.ProxyCall) error {
	switch {
	case a.Unmap().IsLoopback():
		return nil
	case !call.TLS:
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: a.String() + " is not an address of this machine alone, and without TLS secrets would be sent in clear",
			Hint: "add --tls; what guests on other machines need: credhelper help door"}
	case a.Unmap().IsUnspecified() && len(call.Names) == 0:
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: a.String() + " is every address of this machine, and none by which the door is known",
			Hint: "say which: --name NAME"}
	}
	return nil
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
	if n != "1" {
		return nil, errors.New("the service manager has opened " + n + " sockets; the door has one")
	}
	f := os.NewFile(first, "socket")
	defer f.Close()
	return net.FileListener(f)
}

// check finds out who the other end of a connection is. It refuses a user of this
// machine who is neither us nor a user of one of the guests, before a byte is read.
func (s *service) check(c net.Conn) (door.Peer, error) {
	if socket, ok := c.(*net.UnixConn); ok {
		return s.checkSocket(socket)
	}
	peer := door.Peer{Addr: c.RemoteAddr(), UID: -1}
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	local, ok2 := c.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 {
		return peer, errNotOurs
	}
	uid, inode, asked := ownerOf(remote.AddrPort(), local.AddrPort())
	peer.Local = inode != 0 || onThisMachine(addressOf(remote))
	if !peer.Local {
		if s.hosts.scheme != "https" || !s.book.ServesFrom(context.Background(), addressOf(remote)) {
			return peer, errNotOurs
		}
		return peer, nil
	}
	if !asked { // not Linux
		return peer, nil
	}
	if inode == 0 { // it is closed, and has no owner any more: nobody, also not root
		return peer, errNotOurs
	}
	peer.UID, peer.Inode = uid, inode
	if s.serves != nil {
		// Another user's process may not even cost us the search for it.
		if us := userOf(); uid != us && us != 0 || !s.serves(inode) {
			s.log(door.Event{Peer: peer, Err: errNotOurs})
			return peer, errNotOurs
		}
		return peer, nil
	}
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

// addressOf returns the address of a connection's end, as interfaces and networks have it.
func addressOf(a *net.TCPAddr) netip.Addr { return a.AddrPort().Addr().Unmap().WithZone("") }

// mayUse reports whether a guest may use the connection of a request. Only the connection's
// own address counts, whatever a proxy says in the request.
func mayUse(ctx context.Context, a guest.Admitted) bool {
	peer, ok := door.PeerOf(ctx)
	if !ok {
		return false
	}
	if peer.Local && peer.UID >= 0 && peer.UID != userOf() && !slices.Contains(a.Users, peer.UID) {
		return false
	}
	var from netip.Addr // zero at a Unix socket
	if remote, ok := peer.Addr.(*net.TCPAddr); ok {
		from = addressOf(remote)
	}
	return a.MayComeFrom(from, peer.Local)
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
