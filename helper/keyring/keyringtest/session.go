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

// Session is a desktop for a test: a separate session bus with a program that stores
// secrets, in a separate home.
type Session struct {
	// Env is the environment of a program of this desktop, with the bus's address.
	Env []string
	// Address is the value of DBUS_SESSION_BUS_ADDRESS. The socket is
	// $XDG_RUNTIME_DIR/bus, where programs look if the variable is not set.
	Address string
	// Daemon is the program that stores the secrets; nil on a bare bus.
	Daemon *exec.Cmd

	base []string
	stop []func()
}

// busConfig is a session bus that does not start services itself.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>ADDRESS</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`

// StartBus starts an empty session bus in dir, a directory of the test. path is the
// PATH of its programs.
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

// StartSession is StartBus with gnome-keyring on the bus; unlock passes the password on
// stdin, as signing in does, which creates the login collection. It needs dbus-daemon,
// dbus-send and gnome-keyring-daemon.
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

// WithoutAddress returns Env without the bus's address, as after "su" or in a systemd
// unit of the user: only the runtime directory tells where the bus is.
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

// hasLogin reports whether the login collection exists, locked or not.
func (s *Session) hasLogin() bool {
	return s.send("org.freedesktop.secrets", s.Collection("login"),
		"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked")
}

// lines is a buffer for concurrent reading and writing.
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
