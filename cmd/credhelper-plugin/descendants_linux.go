package main

import (
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// onlyDescendants returns what reports whether a socket is one of this process's
// descendants', for the door at l. From here on the orphans among them are our children,
// so that a program that puts itself into the background is still one.
//
// It fails where the kernel does not tell us whose a connection is: the command could not
// use its door there.
func onlyDescendants(l net.Listener) (serves func(inode uint32) bool, err error) {
	if self, _ := os.Readlink("/proc/self"); self != strconv.Itoa(os.Getpid()) {
		return nil, policy("exec --door: /proc does not show the processes of this system")
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	own, err := net.Dial("tcp", at.String())
	if err != nil {
		return nil, policy("exec --door: " + err.Error())
	}
	defer own.Close()
	if uid, inode, _ := ownerOf(own.LocalAddr().(*net.TCPAddr).AddrPort(), at); inode == 0 || uid != userOf() {
		return nil, policy("exec --door: the kernel does not tell whose a connection is (sock_diag)")
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, policy("exec --door: " + err.Error())
	}
	f := &family{self: os.Getpid()}
	return f.has, nil
}

// family finds the sockets of this process's descendants. It is for one goroutine.
type family struct {
	self   int
	recent []int // those that were found last, and often come again
}

// mostKnown is a program with some worker processes.
const mostKnown = 8

// has reports whether a descendant has the socket. One whose descriptors we may not see is
// none: it has another user, or does not want it.
func (f *family) has(inode uint32) bool {
	want := socketLink(inode)
	for _, pid := range f.recent {
		if holds(pid, want) && f.descends(pid, nil) {
			return true
		}
	}
	entries, _ := os.ReadDir("/proc")
	others := map[int]bool{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && f.descends(pid, others) && holds(pid, want) {
			f.recent = append([]int{pid}, f.recent[:min(len(f.recent), mostKnown-1)]...)
			return true
		}
	}
	return false
}

// descends reports whether a process is a descendant of ours. Others has processes that
// are none.
func (f *family) descends(pid int, others map[int]bool) bool {
	const mostTries = 8
	for range mostTries {
		parent := parentOf(pid)
		for parent > 0 && parent != f.self && !others[parent] {
			parent = parentOf(parent)
		}
		switch {
		case parent == f.self:
			return true
		case parent >= 0:
			if others != nil {
				others[pid] = true
			}
			return false
		}
		// One of them ended meanwhile, and its children have another parent now. Or it is
		// another user's, and hidden.
	}
	return false
}

// parentOf returns the parent of a process: 0 if that is none of this container's, -1 if
// there is no such process.
func parentOf(pid int) int {
	parent, _ := stat(pid)
	return parent
}

// stat returns the parent and the state of a process (proc_pid_stat(5)).
func stat(pid int) (parent int, state string) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return -1, ""
	}
	// The program's name, in parentheses, may contain anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return -1, ""
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return -1, ""
	}
	return parent, fields[0]
}

// diesWithUs makes the kernel kill the command when we end in whatever way, or rather the
// thread that starts it.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// orphanTime is how long an orphan that has ended keeps its place in the table of
// processes.
const orphanTime = 10 * time.Second

// reapOrphans reaps the orphans of the command when they end, until stop is called. What
// we started ourselves, as for a secret that a command prints, is reaped at once by those
// who wait for it. So an orphan is what has been waiting for this long.
func reapOrphans(after time.Duration) (stop func()) {
	signals := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(signals, syscall.SIGCHLD)
	go func() {
		for {
			select {
			case <-signals:
			case <-done:
				return
			}
			ended := endedChildren()
			select {
			case <-time.After(after):
			case <-done:
				return
			}
			for pid := range endedChildren() {
				if ended[pid] {
					_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
				}
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}

// endedChildren returns our children that have ended and were not reaped.
func endedChildren() map[int]bool {
	ended := map[int]bool{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if parent, state := stat(pid); parent == os.Getpid() && state == "Z" {
				ended[pid] = true
			}
		}
	}
	return ended
}
