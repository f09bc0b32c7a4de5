package main

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
			user, inode, found := listensAt(line, at)
			if !found {
				continue
			}
			if pid, path := programWith(inode); pid != 0 {
				return "process " + strconv.Itoa(pid) + " (" + filepath.Base(path) + ")"
			}
			return "a process of user " + user
		}
	}
	return "another process"
}

// listensAt reports whether a line of /proc/net/tcp (proc_net(5)) is of a socket that keeps
// an address from others, and whose that is.
func listensAt(line string, at netip.AddrPort) (user string, inode uint32, found bool) {
	f := strings.Fields(line)
	const listening = "0A"
	if len(f) < 10 || f[3] != listening {
		return "", 0, false
	}
	host, port, _ := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(raw)%4 != 0 || uint16(n) != at.Port() {
		return "", 0, false
	}
	for word := range slices.Chunk(raw, 4) { // each was written as a number
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	own, ok := netip.AddrFromSlice(raw)
	own, wanted := own.Unmap(), at.Addr().Unmap()
	if !ok || own != wanted && !own.IsUnspecified() && !wanted.IsUnspecified() {
		return "", 0, false
	}
	id, _ := strconv.ParseUint(f[9], 10, 32)
	return f[7], uint32(id), true
}

// programWith returns a process that has a socket, and its executable, as far as we may
// know: 0 if it is another user's.
func programWith(inode uint32) (pid int, executable string) {
	want := socketLink(inode)
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil && holds(pid, want) {
			return pid, executableOf(pid)
		}
	}
	return 0, ""
}

// socketLink is what a descriptor of a socket links to.
func socketLink(inode uint32) string {
	return "socket:[" + strconv.FormatUint(uint64(inode), 10) + "]"
}

// holds reports whether a process has a descriptor of what links to want.
func holds(pid int, want string) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	links, _ := os.ReadDir(dir)
	for _, link := range links {
		if to, err := os.Readlink(dir + link.Name()); err == nil && to == want {
			return true
		}
	}
	return false
}

// executableOf returns the executable of a process, "" if it is another user's.
func executableOf(pid int) string {
	path, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return path
}

// peerOf asks the kernel who connected to a Unix socket, or who listens at one
// (SO_PEERCRED in unix(7)). A uid of -1 is nobody, a pid of 0 a process of another
// container.
func peerOf(c *net.UnixConn) (uid, pid int, asked bool) {
	uid = -1
	raw, err := c.SyscallConn()
	if err != nil {
		return uid, 0, true
	}
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid, pid = int(cred.Uid), int(cred.Pid)
		}
	})
	if err != nil {
		return -1, 0, true
	}
	return uid, pid, true
}
