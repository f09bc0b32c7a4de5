package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/protocol"
)

// TestOwnerOf: the kernel says whose the other end of a connection is, whichever socket a
// client has: of IPv4, or the one of IPv6 that speaks IPv4, as Java's does.
func TestOwnerOf(t *testing.T) {
	for name, dial := range map[string]func(port int) (int, error){
		"IPv4": func(port int) (int, error) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fd, err
			}
			return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
		},
		"IPv6 that speaks IPv4": func(port int) (int, error) {
			fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fd, err
			}
			return fd, unix.Connect(fd, &unix.SockaddrInet6{Port: port, Addr: [16]byte(net.ParseIP("127.0.0.1").To16())})
		},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		fd, err := dial(l.Addr().(*net.TCPAddr).Port)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		remote, local := conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr().(*net.TCPAddr).AddrPort()
		if uid, inode, asked := ownerOf(remote, local); !asked || uid != os.Getuid() || inode == 0 {
			t.Errorf("%s: uid %d, inode %d, %v", name, uid, inode, asked)
		}
		unix.Close(fd)
	}
}

// TestNobody (D1): a connection whose other end is closed has no owner, and is refused, for
// root as well; and an answer of the kernel about something else is none.
func TestNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	s := &service{}
	if peer, err := s.check(ours); err != nil || peer.UID != os.Getuid() || peer.Inode == 0 {
		t.Fatalf("while it is open: %+v, %v", peer, err)
	}
	theirs.Close()
	if peer, err := s.check(ours); err == nil {
		t.Errorf("closed: %+v", peer)
	}
	remote, local := ours.RemoteAddr().(*net.TCPAddr).AddrPort(), ours.LocalAddr().(*net.TCPAddr).AddrPort()
	good := make([]byte, netlinkHead+answerSize)
	binary.NativeEndian.PutUint16(good[4:], sockDiagBy)
	a := good[netlinkHead:]
	a[0] = unix.AF_INET
	copy(a[answerIDAt:], sockID(remote, local))
	binary.NativeEndian.PutUint32(a[answerInodeAt:], 7)
	if _, inode := diagAnswer(good, remote, local); inode != 7 {
		t.Fatalf("a good answer says inode %d", inode)
	}
	for name, at := range map[string]int{"another port": netlinkHead + answerIDAt, "another address": netlinkHead + answerIDAt + 7, "an error": 4} {
		bad := slices.Clone(good)
		bad[at]++
		if uid, inode := diagAnswer(bad, remote, local); inode != 0 {
			t.Errorf("%s: uid %d, inode %d", name, uid, inode)
		}
	}
	if _, inode := diagAnswer(good[:len(good)-1], remote, local); inode != 0 {
		t.Errorf("cut: inode %d", inode)
	}
}

// TestListensAt (D15): who has the port at another address of this machine is not blamed.
func TestListensAt(t *testing.T) {
	const listening, connected = "0A", "01"
	for _, c := range []struct {
		at, other, state string
		found            bool
	}{
		{"127.0.0.1:7717", "127.0.0.1:7717", listening, true},
		{"127.0.0.1:7717", "127.0.0.2:7717", listening, false},
		{"127.0.0.1:7717", "127.0.0.1:7718", listening, false},
		{"127.0.0.1:7717", "0.0.0.0:7717", listening, true},
		{"127.0.0.1:7717", "[::]:7717", listening, true},
		{"127.0.0.1:7717", "[::ffff:127.0.0.1]:7717", listening, true},
		{"127.0.0.1:7717", "127.0.0.1:7717", connected, false},
		{"0.0.0.0:7717", "127.0.0.2:7717", listening, true},
		{"[::1]:7717", "[::1]:7717", listening, true},
		{"[::1]:7717", "[::2]:7717", listening, false},
	} {
		other := netip.MustParseAddrPort(c.other)
		var local string
		for word := range slices.Chunk(other.Addr().AsSlice(), 4) {
			local += fmt.Sprintf("%08X", binary.NativeEndian.Uint32(word))
		}
		line := fmt.Sprintf("   0: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0", local, other.Port(), c.state)
		user, inode, found := listensAt(line, netip.MustParseAddrPort(c.at))
		if found != c.found || found && (user != "1000" || inode != 4711) {
			t.Errorf("%s, %s: %s %d %v", c.at, line, user, inode, found)
		}
	}
}

// TestTaken: what to type instead of a taken address can be typed.
func TestTaken(t *testing.T) {
	for at, want := range map[string]string{"127.0.0.1:7717": "--listen 127.0.0.1:PORT", "[::1]:7717": "--listen [::1]:PORT"} {
		e := new(protocol.Error)
		if err := taken(netip.MustParseAddrPort(at)); !errors.As(err, &e) || !strings.HasSuffix(e.Hint, want) {
			t.Errorf("%s: %+v", at, e)
		}
	}
}
