//go:build linux

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol/connector"
)

// asDialler, in the environment, makes a process of this test a host that only dials the
// credhelper at that path.
const asDialler = "CREDHELPER_TEST_DIALLER"

// dialler is that host. When it is killed, it cannot clean up.
func dialler(path string) {
	if _, err := connector.Dial(connector.Config{Path: path}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// ownHome returns a home with executables of its own, so that its processes are known by
// their path, which every user may read.
func ownHome(t *testing.T) *program.Home {
	t.Helper()
	s, links := newServer(t), t.TempDir()
	if err := borrow(bin, links); err != nil {
		t.Fatal(err)
	}
	h := program.TestHome(t, links)
	addProfile(t, h, s, "jama", "https://api.example.com")
	return h
}

// enginesOf returns the processes of a home's executables that have not ended.
func enginesOf(t *testing.T, h *program.Home) (list []string) {
	t.Helper()
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	if len(lines) == 0 {
		t.Fatal("no /proc: the test is blind")
	}
	for _, path := range lines {
		if text, _ := os.ReadFile(path); bytes.HasPrefix(text, []byte(h.Bin+"/")) { // empty once it has ended
			list = append(list, filepath.Base(filepath.Dir(path))+" "+string(bytes.ReplaceAll(text, []byte{0}, []byte(" "))))
		}
	}
	return list
}

// TestPluginOrphans: hosts that are killed at any moment after the plugin was forked leave
// no plugin and no socket (T20).
func TestPluginOrphans(t *testing.T) {
	t.Parallel() // mostly waiting
	h, dir := ownHome(t), sockets(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for delay := time.Duration(0); delay <= 200*time.Millisecond; delay += 8 * time.Millisecond {
		host := exec.Command(self)
		host.Env = append(os.Environ(), append(h.Env, asDialler+"="+filepath.Join(h.Bin, "credhelper"), "XDG_RUNTIME_DIR="+dir)...)
		host.Stderr = os.Stderr
		if err := host.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); len(children(t, host.Process.Pid)) == 0; {
			if time.Now().After(deadline) {
				t.Fatal("the host starts no plugin")
			}
		}
		time.Sleep(delay)
		seen += len(enginesOf(t, h))
		if err := host.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = host.Wait()
	}
	if seen == 0 {
		t.Error("no plugin was ever seen: the test is blind")
	}
	left := enginesOf(t, h)
	// A plugin that nobody connects to ends after 10 s in any case.
	for deadline := time.Now().Add(8 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = enginesOf(t, h) {
		time.Sleep(50 * time.Millisecond)
	}
	if len(left) != 0 {
		t.Errorf("these live on: %q", left)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestPluginForgotten: a plugin whose host lives, but neither connects nor ends it, ends
// after 10 s (T20).
func TestPluginForgotten(t *testing.T) {
	t.Parallel() // 10 s
	h, dir := ownHome(t), sockets(t)
	host := startForeign(t, h, dir)
	if n := len(enginesOf(t, h)); n != 1 {
		t.Fatalf("%d plugins", n)
	}
	select {
	case <-host.ended:
	case <-time.After(time.Minute):
		t.Error("the plugin waits for ever")
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestPluginAnotherUser: another user cannot even connect, whatever the umask of the host
// (T2). Only root can be two users; an ordinary user's run checks only the mode, as
// TestPluginHost does.
func TestPluginAnotherUser(t *testing.T) {
	h, dir := ownHome(t), sockets(t)
	if err := os.Chmod(dir, 0o755); err != nil { // so that only the plugin's own directory keeps others out
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0))
	host := startForeign(t, h, dir)
	if info, err := os.Stat(filepath.Dir(host.socket)); err != nil || info.Mode().Perm() != 0o700 || !strings.HasPrefix(host.socket, dir) {
		t.Errorf("the directory of the socket: %v, %v", info.Mode(), err)
	}
	if os.Geteuid() != 0 {
		return
	}
	for user, want := range map[uintptr]error{0: nil, 65534: syscall.EACCES} {
		if err := connectAs(user, host.socket); !errors.Is(err, want) {
			t.Errorf("user %d: %v, want %v", user, err, want)
		}
	}
}

// connectAs connects to a socket as another user of the file system.
func connectAs(user uintptr, path string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with this goroutine
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, user, 0, 0)
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		done <- err
	}()
	return <-done
}

// TestPluginLeftovers: what a killed plugin left beside its socket is removed by the next
// one, once it is a minute old; nothing else is.
func TestPluginLeftovers(t *testing.T) {
	h := newHome(t, newServer(t))
	dir := sockets(t)
	connect(t, h, dir, new(bytes.Buffer))
	for _, pid := range children(t, os.Getpid()) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	gone := dir + "/credhelper-1"
	kept := []string{dir + "/credhelper-2", dir + "/credhelper-x", dir + "/else"}
	for _, path := range append(kept, gone) {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(kept[0]+"/socket", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// S6: what is not a directory of ours alone stays, with the sockets in it.
	victims := []string{deadSocket(t, dir+"/credhelper-3", 0o755), deadSocket(t, t.TempDir()+"/linked", 0o700)}
	if err := os.Symlink(filepath.Dir(victims[1]), dir+"/credhelper-4"); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, dir+"/credhelper-3", dir+"/credhelper-4")
	if os.Geteuid() == 0 { // only root can give one away
		victims = append(victims, deadSocket(t, dir+"/credhelper-5", 0o700))
		if err := os.Chown(dir+"/credhelper-5", stranger, stranger); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, dir+"/credhelper-5")
	}
	left, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Minute)
	for _, path := range left {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, h, dir, new(bytes.Buffer)).Close()
	for _, path := range append(victims, kept...) {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	now, _ := filepath.Glob(dir + "/*")
	if len(now) != len(kept) {
		t.Errorf("left: %v", now)
	}
}

// deadSocket makes a directory with a socket on which nobody listens.
func deadSocket(t *testing.T, dir string, mode os.FileMode) (path string) {
	t.Helper()
	path = dir + "/s"
	if err := errors.Join(os.Mkdir(dir, mode), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}
