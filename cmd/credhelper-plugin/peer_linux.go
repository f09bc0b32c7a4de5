package main

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownerOf asks the kernel for the user and the inode of the socket at the other end of a
// connection on this machine (sock_diag(7)). An inode of 0 means that there is no such
// socket, that it is closed, or that the kernel does not answer: nobody. asked says that
// this system has somebody to ask.
func ownerOf(remote, local netip.AddrPort) (uid int, inode uint32, asked bool) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, 0, true
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	if unix.Sendto(fd, diagRequest(remote, local), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		return 0, 0, true
	}
	var buf [1024]byte
	n, from, err := unix.Recvfrom(fd, buf[:], 0)
	kernel, ok := from.(*unix.SockaddrNetlink)
	if err != nil || !ok || kernel.Pid != 0 {
		return 0, 0, true
	}
	uid, inode = diagAnswer(buf[:n], remote, local)
	return uid, inode, true
}

// The layout of linux/netlink.h and linux/inet_diag.h.
const (
	netlinkHead   = 16 // struct nlmsghdr
	sockDiagBy    = 20 // SOCK_DIAG_BY_FAMILY
	diagIDAt      = 8  // of inet_diag_sockid in inet_diag_req_v2
	diagSize      = 56 // of inet_diag_req_v2
	answerIDAt    = 4  // of inet_diag_sockid in inet_diag_msg
	answerUIDAt   = 64
	answerInodeAt = 68
	answerSize    = 72
)

// diagRequest asks for the one socket whose own end is remote.
func diagRequest(remote, local netip.AddrPort) []byte {
	b := make([]byte, netlinkHead+diagSize)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagBy)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	q := b[netlinkHead:]
	q[0], q[1] = unix.AF_INET, unix.IPPROTO_TCP
	if remote.Addr().Unmap().Is6() {
		q[0] = unix.AF_INET6
	}
	binary.NativeEndian.PutUint32(q[4:], 0xffffffff) // any state
	copy(q[diagIDAt:], sockID(remote, local))
	for i := range 8 { // INET_DIAG_NOCOOKIE
		q[diagIDAt+40+i] = 0xff
	}
	return b
}

// sockID is struct inet_diag_sockid without interface and cookie: both ports and both
// addresses in the order of the network.
func sockID(remote, local netip.AddrPort) []byte {
	b := make([]byte, 36)
	binary.BigEndian.PutUint16(b, remote.Port())
	binary.BigEndian.PutUint16(b[2:], local.Port())
	copy(b[4:], remote.Addr().Unmap().AsSlice())
	copy(b[20:], local.Addr().Unmap().AsSlice())
	return b
}

// diagAnswer reads the kernel's answer, which has to be about the socket that was asked
// for.
func diagAnswer(b []byte, remote, local netip.AddrPort) (uid int, inode uint32) {
	if len(b) < netlinkHead+answerSize || binary.NativeEndian.Uint16(b[4:]) != sockDiagBy {
		return 0, 0
	}
	a := b[netlinkHead:]
	id := a[answerIDAt:]
	if binary.BigEndian.Uint16(id) != remote.Port() || addrOf(a[0], id[4:]) != remote.Addr().Unmap() ||
		binary.BigEndian.Uint16(id[2:]) != local.Port() || addrOf(a[0], id[20:]) != local.Addr().Unmap() {
		return 0, 0
	}
	return int(binary.NativeEndian.Uint32(a[answerUIDAt:])), binary.NativeEndian.Uint32(a[answerInodeAt:])
}

// addrOf reads an address of the kernel's answer. That of an IPv6 socket which speaks IPv4,
// as Java's do, is mapped.
func addrOf(family byte, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16([16]byte(b[:16])).Unmap()
}

// holder says which process listens at an address, as far as we may know.
func holder(at netip.AddrPort) string {
	for _, table := range [...]string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			const listening = "0A"
			if len(f) < 10 || f[3] != listening || !strings.HasSuffix(f[1], ":"+strings.ToUpper(strconv.FormatUint(0x10000|uint64(at.Port()), 16)[1:])) {
				continue
			}
			inode, _ := strconv.ParseUint(f[9], 10, 32)
			if pid, path := programWith(uint32(inode)); pid != 0 {
				return "process " + strconv.Itoa(pid) + " (" + filepath.Base(path) + ")"
			}
			return "a process of user " + f[7]
		}
	}
	return "another process"
}

// programWith returns a process that has a socket, and its executable, as far as we may
// know: 0 if it is another user's.
func programWith(inode uint32) (pid int, executable string) {
	want := "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
	processes, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, dir := range processes {
		links, _ := os.ReadDir(dir)
		for _, link := range links {
			if to, err := os.Readlink(dir + "/" + link.Name()); err == nil && to == want {
				process := filepath.Dir(dir)
				pid, _ = strconv.Atoi(filepath.Base(process))
				executable, _ = os.Readlink(process + "/exe")
				return pid, executable
			}
		}
	}
	return 0, ""
}
