package desktop_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// role makes the test binary another program: one that merely links this
// package, or that uses a keyring once. The library's init runs before main,
// so only a process of its own shows what it does.
const role = "CREDHELPER_DESKTOP_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "link":
		fmt.Println("linked")
		os.Exit(0)
	case "get", "set", "names", "probe":
		os.Exit(useOnce(os.Getenv(role)))
	}
	os.Exit(inSession(m))
}

// useOnce makes one call of secret-service and prints one word for the
// outcome and the error.
func useOnce(what string) int {
	config := desktop.Config{State: os.Getenv("CREDHELPER_DESKTOP_TEST_STATE"), Now: time.Now, Environ: os.Environ()}
	k, err := desktop.Open(context.Background(), "secret-service", config)
	if err == nil {
		switch what {
		case "get":
			_, err = k.Get(context.Background(), keyringtest.Key(1))
		case "set":
			err = k.Set(context.Background(), keyringtest.Key(1), secret.New("value"))
		case "names":
			_, err = k.Names(context.Background())
		case "probe":
			err = desktop.SecretServiceAnswers(context.Background())
		}
	}
	word := "other"
	for w, sentinel := range map[string]error{"locked": keyring.ErrLocked, "unavailable": keyring.ErrUnavailable, "notfound": keyring.ErrNotFound} {
		if errors.Is(err, sentinel) {
			word = w
		}
	}
	if err == nil {
		word = "ok"
	}
	fmt.Println(word, err)
	return 0
}

// child runs the test binary in a role with this environment and nothing else,
// and returns what it printed and how long it took.
func child(t *testing.T, what string, env ...string) (out, stderr string, took time.Duration) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(env, role+"="+what, "CREDHELPER_DESKTOP_TEST_STATE="+t.TempDir())
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	start := time.Now()
	printed, err := cmd.Output()
	took = time.Since(start)
	if err != nil {
		t.Fatalf("child %s: %v after %v: %s", what, err, took, errOut.String())
	}
	return strings.TrimSpace(string(printed)), errOut.String(), took
}

// decoyLaunch puts a dbus-launch first in PATH that leaves a trace.
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

// bus starts a server on a Unix socket that serves each connection so.
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

// daemons counts the processes called dbus-daemon.
func daemons(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil || len(found) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	n := 0
	for _, comm := range found {
		if name, err := os.ReadFile(comm); err == nil && strings.TrimSpace(string(name)) == "dbus-daemon" {
			n++
		}
	}
	return n
}

// TestBadBus (F9): whatever the session bus is, a process that links this
// package reaches main at once, starts nothing, and secret-service fails
// within the limit.
func TestBadBus(t *testing.T) {
	silent := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)); select {} }
	halfway := func(conn net.Conn) { // authenticates, then says nothing more
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
	garbage := func(conn net.Conn) { _, _ = conn.Write(bytes.Repeat([]byte("\xff\x00garbage\r\n"), 1000)) }
	closing := func(conn net.Conn) { conn.Close() }
	drip := func(conn net.Conn) {
		for {
			if _, err := conn.Write([]byte("O")); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
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
		{"two silent ones", "unix:path=" + bus(t, silent) + ";unix:path=" + bus(t, silent), empty},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, trace := decoyLaunch(t)
			env := []string{path}
			if c.address != "" {
				env = append(env, "DBUS_SESSION_BUS_ADDRESS="+c.address)
			}
			if c.runtime != "" {
				env = append(env, "XDG_RUNTIME_DIR="+c.runtime)
			}
			if out, _, took := child(t, "link", env...); out != "linked" || took > 3*time.Second {
				t.Errorf("main was reached after %v, printing %q", took, out)
			}
			for _, what := range []string{"get", "probe"} {
				if out, stderr, took := child(t, what, env...); !strings.HasPrefix(out, "unavailable ") || stderr != "" || took > 4*time.Second {
					t.Errorf("%s: %q, stderr %q, after %v; want unavailable", what, out, stderr, took)
				}
			}
			if _, err := os.Stat(trace); err == nil {
				t.Error("dbus-launch was started")
			}
		})
	}
}

// TestNoDaemonLeaks (F9): without an address the library would start
// dbus-launch, and leave one dbus-daemon behind each time.
func TestNoDaemonLeaks(t *testing.T) {
	before := daemons(t)
	for range 20 {
		child(t, "link", "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir())
	}
	if after := daemons(t); after > before {
		t.Errorf("%d dbus-daemons more than before", after-before)
	}
}

// TestGuardRunsFirst reads the order of initialization: the guard is worth
// nothing after the library.
func TestGuardRunsFirst(t *testing.T) {
	_, trace, _ := child(t, "link", "GODEBUG=inittrace=1")
	guard := strings.Index(trace, "init github.com/credhelper/credhelper/helper/keyring/desktop/busguard ")
	lib := strings.Index(trace, "init github.com/99designs/keyring ")
	if guard < 0 || lib < 0 {
		t.Fatalf("the trace does not show both packages:\n%s", trace)
	}
	if guard > lib {
		t.Errorf("99designs/keyring is initialized before the guard:\n%s", trace)
	}
}

// TestBackendsAndOpenersAgree: each row that says Desktop opens, or says why
// not, and no other name does.
func TestBackendsAndOpenersAgree(t *testing.T) {
	config := desktop.Config{State: t.TempDir(), Now: time.Now}
	seen := 0
	for _, b := range keyring.Backends {
		_, err := desktop.Open(t.Context(), b.Name, config)
		if known := !errors.Is(err, keyring.ErrInvalid); known != b.Desktop {
			t.Errorf("%s: Desktop is %v, Open: %v", b.Name, b.Desktop, err)
		}
		if b.Desktop {
			seen++
		}
	}
	if seen == 0 {
		t.Fatal("no desktop backend in the table")
	}
	for _, name := range []string{"", "File", "kwallet", "../pass", strings.Repeat("x", 1000)} {
		if _, err := desktop.Open(t.Context(), name, config); !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("Open(%.20q): %v, want ErrInvalid", name, err)
		}
	}
	if _, err := desktop.Open(t.Context(), "keyctl", desktop.Config{State: "state", Now: time.Now}); !errors.Is(err, keyring.ErrInvalid) {
		t.Errorf("relative state directory: %v", err)
	}
}

// TestPassProgram (T5): no program from a folder that depends on the current
// directory, none that others can replace, none by a relative path.
func TestPassProgram(t *testing.T) {
	dir, open := t.TempDir(), t.TempDir()
	for _, path := range []string{dir + "/pass", dir + "/gpg", open + "/pass"} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open+"/pass", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  []string
		pass string
		want error
	}{
		{"both there", []string{"PATH=" + dir, "HOME=/home/none"}, "", nil},
		{"chosen", []string{"PATH=" + dir, "HOME=/home/none"}, dir + "/pass", nil},
		{"an empty folder in PATH", []string{"PATH=" + dir + ":", "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"a relative folder in PATH", []string{"PATH=bin:" + dir, "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"the current directory in PATH", []string{"PATH=.:" + dir, "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"others can write it", []string{"PATH=" + open + ":" + dir, "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"chosen by a relative path", []string{"PATH=" + dir, "HOME=/home/none"}, "./pass", keyring.ErrInvalid},
		{"chosen and gone", []string{"PATH=" + dir, "HOME=/home/none"}, dir + "/none", keyring.ErrUnavailable},
		{"nothing in PATH", []string{"PATH=" + t.TempDir(), "HOME=/home/none"}, "", keyring.ErrUnavailable},
		{"no PATH", nil, "", keyring.ErrUnavailable},
		{"a relative store", []string{"PATH=" + dir, "PASSWORD_STORE_DIR=store"}, "", keyring.ErrInvalid},
		{"no HOME", []string{"PATH=" + dir}, "", keyring.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := desktop.Open(t.Context(), "pass", desktop.Config{State: t.TempDir(), Now: time.Now, Environ: c.env, PassProgram: c.pass})
			if !errors.Is(err, c.want) {
				t.Errorf("Open: %v, want %v", err, c.want)
			}
		})
	}
}

// TestEnviron: the user's own commands get the address back as it was.
func TestEnviron(t *testing.T) {
	given, ok := os.LookupEnv("CREDHELPER_DESKTOP_TEST_BUS_BEFORE")
	env := desktop.Environ([]string{"A=1", "DBUS_SESSION_BUS_ADDRESS=disabled:", "B=2"})
	joined := strings.Join(env, " ")
	if strings.Contains(joined, "disabled:") || !strings.HasPrefix(joined, "A=1 B=2") {
		t.Errorf("Environ = %q", env)
	}
	if ok && !strings.HasSuffix(joined, given) {
		t.Errorf("Environ = %q, want the address %q in it", env, given)
	}
}
