package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// script starts a shell script, which ends with its stdin, and returns the first line that
// it prints.
func script(t *testing.T, text string) (line string, end func()) {
	t.Helper()
	cmd := exec.Command("sh", "-c", text)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _ = bufio.NewReader(stdout).ReadString('\n')
	end = func() { stdin.Close(); _ = cmd.Wait() }
	t.Cleanup(end)
	return strings.TrimSpace(line), end
}

// TestDescendants: the sockets of our descendants are found, also after a program in
// between has ended, and those of other processes are not.
func TestDescendants(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	serves, err := onlyDescendants(l)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	connect := `exec 9<>/dev/tcp/127.0.0.1/` + port + `; echo up; cat`
	var accepted net.Conn
	inode := func() uint32 {
		t.Helper()
		for {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			_, inode, _ := ownerOf(c.RemoteAddr().(*net.TCPAddr).AddrPort(), c.LocalAddr().(*net.TCPAddr).AddrPort())
			if inode != 0 { // onlyDescendants has tried the door
				accepted = c
				return inode
			}
		}
	}
	_, end := script(t, `exec bash -c '`+connect+`'`)
	if !serves(inode()) {
		t.Error("a child is refused")
	}
	end()
	_, end = script(t, `sh -c 'bash -c "`+connect+`; :"; :'; :`)
	if !serves(inode()) {
		t.Error("a child's child's child is refused")
	}
	end()
	_, end = script(t, `{ setsid bash -c '`+connect+`' <&3 & } 3<&0; sleep 0.01`)
	socket := inode()
	for range 2 { // the second time it is the one of before
		if !serves(socket) {
			t.Error("an orphan is refused")
		}
	}
	end()
	_, _ = io.Copy(io.Discard, accepted)
	if serves(socket) {
		t.Error("a socket that is closed is served")
	}
	own, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if serves(inode()) || serves(0) {
		t.Error("we are our own descendant")
	}
}

// TestOrphans: an orphan that has ended is reaped, a child that somebody waits for is not.
func TestOrphans(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	defer reapOrphans(200 * time.Millisecond)()
	line, _ := script(t, `sh -c 'echo $$; read wait' <&0 & exit`)
	orphan, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(line)
	}
	for parentOf(orphan) >= 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if err := exec.Command("sh", "-c", "exit 3").Run(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("our own child: %v", err)
	}
}
