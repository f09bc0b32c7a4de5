//go:build linux

package keyringtest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Session is a desktop for a test: a session bus of its own with a program on it that
// keeps secrets, in a home of its own.
type Session struct {
	// Env is the environment of a program of this desktop, with the bus's address.
	Env []string
	// Address is what DBUS_SESSION_BUS_ADDRESS holds. The socket is that of
	// $XDG_RUNTIME_DIR/bus, where programs look when the variable is not set.
	Address string
	// Daemon is the program that keeps the secrets; nil on a bare bus.
	Daemon *exec.Cmd

	base []string
	stop []func()
}

// busConfig is a session bus that starts no services by itself: what runs is
// what the test started.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>ADDRESS</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`

// StartBus starts a session bus in dir, a directory of the test's, with nothing on
// it. path is the PATH of its programs.
func StartBus(dir, path string) (*Session, error) {
	s := &Session{Address: "unix:path=" + dir + "/run/bus"}
	for _, name := range []string{"home", "run", "gnupg"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, err
		}
	}
	s.base = []string{"PATH=" + path, "HOME=" + dir + "/home", "XDG_RUNTIME_DIR=" + dir + "/run",
		"GNUPGHOME=" + dir + "/gnupg", "PASSWORD_STORE_DIR=" + dir + "/store", "TMPDIR=" + os.TempDir(), "LC_ALL=C.UTF-8"}
	s.Env = append(s.base[:len(s.base):len(s.base)], "DBUS_SESSION_BUS_ADDRESS="+s.Address)
	config := dir + "/bus.conf"
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(busConfig, "ADDRESS", s.Address)), 0o600); err != nil {
		return nil, err
	}
	bus := exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address=1")
	bus.Env = s.base
	var printed lines
	bus.Stdout = &printed
	if err := s.start(bus); err != nil {
		return nil, err
	}
	if !eventually(func() bool { return strings.Contains(printed.String(), "\n") }) {
		s.Close()
		return nil, errors.New("dbus-daemon printed no address")
	}
	return s, nil
}

// StartSession is StartBus with gnome-keyring on the bus; unlock gives it the
// password on stdin, as signing in does, which makes the login collection. It needs
// dbus-daemon, dbus-send and gnome-keyring-daemon.
func StartSession(dir, path string, unlock bool) (*Session, error) {
	s, err := StartBus(dir, path)
	if err != nil {
		return nil, err
	}
	s.Daemon = exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets")
	if unlock {
		s.Daemon.Args = append(s.Daemon.Args, "--unlock")
		s.Daemon.Stdin = strings.NewReader("the password of the session")
	}
	s.Daemon.Env = s.Env
	if err := s.start(s.Daemon); err != nil {
		s.Close()
		return nil, err
	}
	if !eventually(s.hasLogin) {
		s.Close()
		return nil, errors.New("gnome-keyring-daemon has no login collection")
	}
	return s, nil
}

// WithoutAddress is Env without the bus's address, as after "su" or in a systemd
// unit of the user: only the runtime directory says where the bus is.
func (s *Session) WithoutAddress() []string { return s.base[:len(s.base):len(s.base)] }

// start starts a program that ends with the session.
func (s *Session) start(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	s.stop = append(s.stop, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return nil
}

// Close ends the programs of the session.
func (s *Session) Close() {
	for i := len(s.stop) - 1; i >= 0; i-- {
		s.stop[i]()
	}
	s.stop = nil
}

// hasLogin reports whether the login collection is there, locked or not.
func (s *Session) hasLogin() bool {
	return s.send("org.freedesktop.secrets", s.Collection("login"),
		"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked")
}

// lines is a buffer that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func eventually(is func() bool) bool {
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}
