package desktop_test

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring/desktop"
)

// child runs the test binary in a role with this environment and nothing else, and returns
// its stdout and stderr. It fails if that hangs.
func child(t *testing.T, what string, env ...string) (out, stderr string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(env, role+"="+what, "CREDHELPER_DESKTOP_TEST_STATE="+t.TempDir(), "GORACE=atexit_sleep_ms=0") // or it sleeps for a second
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("child %s: %v: %s", what, err, errOut.String())
	}
	return strings.TrimSpace(string(printed)), errOut.String()
}

// decoyLaunch puts first in PATH a dbus-launch that leaves a trace.
func decoyLaunch(t *testing.T) (path, trace string) {
	t.Helper()
	dir := t.TempDir()
	trace = filepath.Join(dir, "launched")
	script := "#!/bin/sh\necho x >>" + trace + "\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return "PATH=" + dir + ":/usr/bin:/bin", trace
}

// bus starts a server on a Unix socket that handles each connection with serve.
func bus(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return path
}

// daemons counts the processes called dbus-daemon that have a home in their environment:
// those of other tests do not count.
func daemons(t *testing.T, home string) int {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil || len(found) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	n := 0
	for _, comm := range found {
		name, _ := os.ReadFile(comm) // it may have ended
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(comm), "environ"))
		if strings.TrimSpace(string(name)) == "dbus-daemon" && bytes.Contains(environ, []byte("HOME="+home+"\x00")) {
			n++
		}
	}
	return n
}

// What bad buses do with a connection.

func silent(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)); select {} }

func halfway(conn net.Conn) { // authenticates, then sends nothing more
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if strings.Contains(line, "AUTH") {
			_, _ = conn.Write([]byte("OK 0123456789abcdef0123456789abcdef\r\n"))
		}
	}
}

func garbage(conn net.Conn) { _, _ = conn.Write(bytes.Repeat([]byte("\xff\x00garbage\r\n"), 1000)) }

func closing(conn net.Conn) { conn.Close() }

func flood(conn net.Conn) { // lists how it could be authenticated to, without an end
	_, _ = conn.Read(make([]byte, 64))
	for {
		if _, err := conn.Write(bytes.Repeat([]byte("EXTERNAL "), 1000)); err != nil {
			return
		}
	}
}

func drip(conn net.Conn) {
	for {
		if _, err := conn.Write([]byte("O")); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestBadBus (F9): whatever the session bus does, a process that links this package reaches
// main and starts nothing, and secret-service fails instead of hanging.
func TestBadBus(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct{ name, address, runtime string }{
		{"no address, no runtime folder", "", ""},
		{"no address, empty runtime folder", "", empty},
		{"relative runtime folder", "", "run"},
		{"autolaunch", "autolaunch:", empty},
		{"dead address", "unix:path=" + empty + "/none", empty},
		{"address of a plain file", "unix:path=/etc/hostname", empty},
		{"transport that runs a program", "unixexec:path=/bin/sleep,argv1=60", empty},
		{"nonsense", ";;=%zz,unix:path=%f", empty},
		{"tcp to nowhere", "tcp:host=192.0.2.1,port=1", empty},
		{"silent", "unix:path=" + bus(t, silent), empty},
		{"silent in the runtime folder", "", filepath.Dir(bus(t, silent))},
		{"silent after authentication", "unix:path=" + bus(t, halfway), empty},
		{"garbage", "unix:path=" + bus(t, garbage), empty},
		{"closes at once", "unix:path=" + bus(t, closing), empty},
		{"drips", "unix:path=" + bus(t, drip), empty},
		{"floods", "unix:path=" + bus(t, flood), empty},
		{"two silent ones", "unix:path=" + bus(t, silent) + ";unix:path=" + bus(t, silent), empty},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, trace := decoyLaunch(t)
			env := []string{path, desktop.AskBus}
			if c.address != "" {
				env = append(env, "DBUS_SESSION_BUS_ADDRESS="+c.address)
			}
			if c.runtime != "" {
				env = append(env, "XDG_RUNTIME_DIR="+c.runtime)
			}
			if out, _ := child(t, "link", env...); out != "linked" {
				t.Errorf("main printed %q", out)
			}
			for _, what := range []string{"get", "probe"} {
				if out, stderr := child(t, what, env...); !strings.HasPrefix(out, "unavailable ") || stderr != "" {
					t.Errorf("%s: %q, stderr %q; want unavailable", what, out, stderr)
				}
			}
			if _, err := os.Stat(trace); err == nil {
				t.Error("dbus-launch was started")
			}
		})
	}
}

// TestNoContact: a process that did not ask for the bus does not connect to it, even if the
// bus works: the file keyring has nothing to do with D-Bus.
func TestNoContact(t *testing.T) {
	connections := make(chan struct{}, 10)
	address := "DBUS_SESSION_BUS_ADDRESS=unix:path=" + bus(t, func(conn net.Conn) {
		connections <- struct{}{}
		conn.Close()
	})
	child(t, "link", address)
	if out, _ := child(t, "get", address); !strings.HasPrefix(out, "unavailable ") {
		t.Errorf("get: %q, want unavailable", out)
	}
	if n := len(connections); n != 0 {
		t.Errorf("%d connections to the bus", n)
	}
	child(t, "link", address, desktop.AskBus)
	if len(connections) == 0 {
		t.Error("no connection even when asked: the test is blind")
	}
}

// TestNoDaemonLeaks (F9): without an address the library would start dbus-launch, and leave
// a dbus-daemon behind each time.
func TestNoDaemonLeaks(t *testing.T) {
	home := t.TempDir()
	for range 20 {
		child(t, "link", "PATH="+os.Getenv("PATH"), "HOME="+home)
		child(t, "link", "PATH="+os.Getenv("PATH"), "HOME="+home, desktop.AskBus)
	}
	if n := daemons(t, home); n > 0 {
		t.Errorf("%d dbus-daemons are left", n)
	}
}

// TestGuardRunsFirst checks the order of initialization: after the library, the guard would
// be useless.
func TestGuardRunsFirst(t *testing.T) {
	_, trace := child(t, "link", "GODEBUG=inittrace=1")
	guard := strings.Index(trace, "init github.com/credhelper/credhelper/helper/keyring/desktop/busguard ")
	lib := strings.Index(trace, "init github.com/99designs/keyring ")
	if guard < 0 || lib < 0 {
		t.Fatalf("the trace does not show both packages:\n%s", trace)
	}
	if guard > lib {
		t.Errorf("99designs/keyring is initialized before the guard:\n%s", trace)
	}
}

// TestEnvironmentIsGivenBack: the guard restores the environment before main. Whatever the
// program executes, itself included, finds the bus that the program was given.
func TestEnvironmentIsGivenBack(t *testing.T) {
	const variable = "DBUS_SESSION_BUS_ADDRESS="
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"a bus", []string{variable + "unix:path=/run/none/bus"}, variable + "unix:path=/run/none/bus"},
		{"another transport", []string{variable + "tcp:host=127.0.0.1,port=1"}, variable + "tcp:host=127.0.0.1,port=1"},
		{"empty", []string{variable}, variable},
		{"not set", nil, ""},
		{"asked, and nobody answers", []string{variable + "unix:path=/run/none/bus", desktop.AskBus}, variable + "unix:path=/run/none/bus"},
		{"asked, and not set", []string{desktop.AskBus}, ""},
	} {
		if out, _ := child(t, "environment", c.env...); out != c.want {
			t.Errorf("%s: main sees %q, want %q", c.name, out, c.want)
		}
	}
}
