package main

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
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
