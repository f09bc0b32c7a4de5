package busguard

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCandidates: which addresses are tried at all (D-Bus specification, "Server
// Addresses").
func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		name, address, runtime string
		want                   []string // in the notation of package net
	}{
		{"path", "unix:path=/run/user/1/bus", "", []string{"/run/user/1/bus"}},
		{"path with an id", "unix:path=/tmp/dbus-x,guid=0123", "", []string{"/tmp/dbus-x"}},
		{"id first", "unix:guid=0123,path=/tmp/dbus-x", "", []string{"/tmp/dbus-x"}},
		{"abstract", "unix:abstract=/tmp/dbus-x,guid=0123", "", []string{"@/tmp/dbus-x"}},
		{"escaped", "unix:path=/tmp/a%20b%2cc", "", []string{"/tmp/a b,c"}},
		{"several", "tcp:host=localhost,port=1;unix:path=/a;unix:abstract=b", "", []string{"/a", "@b"}},
		{"tcp", "tcp:host=localhost,port=1", "/run/user/1", nil},
		{"a program to run", "unixexec:path=/bin/sh", "/run/user/1", nil},
		{"launchd", "launchd:env=X", "", nil},
		{"folder to make a socket in", "unix:tmpdir=/tmp", "", nil},
		{"cut escape", "unix:path=/tmp/%2", "", nil},
		{"bad escape", "unix:path=/tmp/%zz", "", nil},
		{"empty path", "unix:path=", "", nil},
		{"nonsense", ";;=,", "", nil},
		{"disabled", "disabled:", "/run/user/1", nil},
		{"none", "", "", []string{"/run/user/7/bus"}},
		{"none, runtime folder", "", "/run/x y", []string{"/run/x y/bus", "/run/user/7/bus"}},
		{"none, relative runtime folder", "", "run", []string{"/run/user/7/bus"}},
		{"autolaunch", "autolaunch:", "/run/user/7", []string{"/run/user/7/bus", "/run/user/7/bus"}},
	} {
		var got []string
		for _, address := range candidates(c.address, c.runtime, 7) {
			got = append(got, socket(address))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzSocket: no address panics, and what escape writes can be read again.
func FuzzSocket(f *testing.F) {
	for _, seed := range []string{"unix:path=/a", "unix:abstract=%41,guid=1", "unix:path=%", "", "unix:=,=,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = socket(text)
		if back, err := unescape(escape(text)); err != nil || back != text {
			t.Fatalf("%q became %q, %v", text, back, err)
		}
	})
}

// TestHello: the message is one that a bus can read: its length fields are right and its
// length is a multiple of eight.
func TestHello(t *testing.T) {
	message := hello()
	fields := int(message[12])
	if len(message)%8 != 0 || 16+fields > len(message) || 16+fields <= len(message)-8 || !bytes.HasPrefix(message, []byte{'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0}) {
		t.Errorf("hello is %q", message)
	}
}

// TestReadLine: a line must end, and has a greatest length.
func TestReadLine(t *testing.T) {
	if line, err := readLine(strings.NewReader("OK 1\r\nrest")); err != nil || line != "OK 1" {
		t.Errorf("%q, %v", line, err)
	}
	for _, bad := range []string{"", "OK 1", strings.Repeat("x", 2000) + "\n"} {
		if line, err := readLine(strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q is read as %.20q", bad, line)
		}
	}
}

// TestBusOfAnotherUser: a bus that another user listens at gets no connection, not even
// root's, whom a real one would let in.
func TestBusOfAnotherUser(t *testing.T) {
	for _, c := range []struct {
		bus, user int
		want      bool
	}{{1000, 1000, true}, {0, 1000, true}, {0, 0, true}, {1000, 0, false}, {1001, 1000, false}} {
		if trusted(c.bus, c.user) != c.want {
			t.Errorf("the bus of %d for %d: %v", c.bus, c.user, !c.want)
		}
	}
	t.Setenv(variable, "unix:path="+listenAs(t, os.Geteuid()))
	conn, err := Dial(time.Now().Add(time.Minute))
	if err != nil {
		t.Fatalf("our own: %v", err)
	}
	conn.Close()
	if os.Geteuid() != 0 {
		return // who cannot become another has the table only
	}
	t.Setenv(variable, "unix:path="+listenAs(t, 65534))
	if _, err := Dial(time.Now().Add(time.Minute)); err == nil {
		t.Error("root connects to the bus of uid 65534")
	}
}

// listenAs listens at a new socket as a user, and returns its path.
func listenAs(t *testing.T, uid int) string {
	path := filepath.Join(t.TempDir(), "bus")
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	listening := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that this thread ends as that user
		if uid != os.Geteuid() {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
				listening <- errno
				return
			}
		}
		listener, err := net.Listen("unix", path)
		if err == nil {
			t.Cleanup(func() { listener.Close() })
		}
		listening <- err
	}()
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFindable: whether there can be a bus at all is known without calling one.
func TestFindable(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := os.WriteFile(dir+"/bus", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"":                           true, // in the runtime directory
		"unix:path=" + dir + "/bus":  true,
		"unix:path=" + dir + "/none": false,
		"unix:abstract=/tmp/dbus-x":  true, // has no file
		"tcp:host=localhost,port=1":  false,
		"unix:path=/none;unix:path=" + dir + "/bus": true,
	} {
		if got := findable(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}
