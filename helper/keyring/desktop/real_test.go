//go:build linux && realkeyring

package desktop_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// The real backends. A missing tool fails the test: what was not tried is not known to work.

// inSession runs the tests in a process whose session bus existed before it started, because
// the guard looks for it once.
func inSession(m *testing.M) int {
	if os.Getenv("CREDHELPER_DESKTOP_TEST_IN_SESSION") != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "credhelper-session")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	s, err := keyringtest.StartSession(dir, os.Getenv("PATH"), true)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no session for the real keyrings (packages dbus, gnome-keyring):", err)
		return 1
	}
	defer s.Close()
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Env = append(s.Env, desktop.AskBus, "CREDHELPER_DESKTOP_TEST_IN_SESSION=yes")
	self.Stdout, self.Stderr = os.Stdout, os.Stderr
	if err := self.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// must runs a tool that the test needs.
func must(t *testing.T, env []string, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = env
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// opener opens one backend repeatedly with one state directory.
func opener(t *testing.T, name string, env []string) func(*testing.T) keyring.Keyring {
	config := desktop.Config{State: t.TempDir(), Now: time.Now, Environ: env}
	return func(t *testing.T) keyring.Keyring {
		t.Helper()
		k, err := desktop.Open(t.Context(), name, config)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

// TestSecretService is the conformance of the Secret Service, among what other programs
// have stored there.
func TestSecretService(t *testing.T) {
	if err := desktop.DefaultAnswers(t.Context()); err != nil {
		t.Fatal(err)
	}
	keyringtest.Run(t, keyringtest.Traits{Writers: 10, Plant: func(t *testing.T) {
		must(t, os.Environ(), "somebody else's", "secret-tool", "store", "--label=another program", "app", "other")
		must(t, os.Environ(), "somebody else's", "secret-tool", "store", "--label=credhelper-NOT-OURS", "app", "alike")
	}}, opener(t, "secret-service", os.Environ()))
}

// TestSecretServiceOfOthers is TestSecretService with other desktops' programs.
func TestSecretServiceOfOthers(t *testing.T) {
	for name, start := range map[string]func(string) (*keyringtest.Session, error){
		"kwallet": func(dir string) (*keyringtest.Session, error) {
			return keyringtest.StartKWallet(dir, os.Getenv("PATH"), true)
		},
		"keepassxc": func(dir string) (*keyringtest.Session, error) {
			// KeePassXC 2.7.4 sometimes crashes if a change arrives while it saves the last
			// one in another thread.
			return keyringtest.StartKeePassXC(dir, os.Getenv("PATH"), "ConfirmAccessItem=false", "ConfirmDeleteItem=false",
				"[General]\nAutoSaveAfterEveryChange=false")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := start(t.TempDir())
			if err != nil {
				t.Fatal("packages libkf5wallet-bin, keepassxc: ", err)
			}
			defer s.Close()
			if name == "kwallet" { // which other programs find locked until the first one was let in
				child(t, "probe", append(s.Env, desktop.AskBus)...)
			}
			self := exec.Command("/proc/self/exe", "-test.run=^TestSecretService$", "-test.v")
			self.Env = append(s.Env, desktop.AskBus, "CREDHELPER_DESKTOP_TEST_IN_SESSION=yes")
			if out, err := self.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestSecretService") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestAddressThatAnswered: once a bus has answered, its address stays in the environment for
// later users, even if only the runtime directory showed where it is.
func TestAddressThatAnswered(t *testing.T) {
	s, err := keyringtest.StartBus(t.TempDir(), os.Getenv("PATH"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := "DBUS_SESSION_BUS_ADDRESS=" + s.Address
	for name, env := range map[string][]string{"given": s.Env, "in the runtime directory": s.WithoutAddress(),
		"second of two": append(s.WithoutAddress(), "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/none/bus;"+s.Address)} {
		if out, _ := child(t, "environment", append(env, desktop.AskBus)...); out != want {
			t.Errorf("%s: main sees %q, want %q", name, out, want)
		}
	}
}

// TestSecretServiceItem: a person can find what we store with other programs, and it is
// noticed if another program replaced it.
func TestSecretServiceItem(t *testing.T) {
	k := opener(t, "secret-service", os.Environ())(t)
	if err := k.Set(t.Context(), keyringtest.Key(1), secret.New("value")); err != nil {
		t.Fatal(err)
	}
	defer k.Delete(t.Context(), keyringtest.Key(1))
	if out := must(t, os.Environ(), "", "secret-tool", "search", "profile", keyringtest.Key(1)); !strings.Contains(out, "label = "+keyringtest.Key(1)) {
		t.Errorf("secret-tool says %q", out)
	}
	must(t, os.Environ(), "not JSON", "secret-tool", "store", "--label=x", "--collection=login", "profile", keyringtest.Key(1))
	if _, err := k.Get(t.Context(), keyringtest.Key(1)); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("an item that another program replaced: %v, want ErrDamaged", err)
	}
}

// TestSecretServiceLocked (F7): a locked keyring answers ErrLocked to everything, and nobody
// is prompted for a password.
func TestSecretServiceLocked(t *testing.T) {
	dir := t.TempDir()
	first, err := keyringtest.StartSession(dir, os.Getenv("PATH"), true) // makes the login collection
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	s, err := keyringtest.StartSession(dir, os.Getenv("PATH"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, what := range []string{"get", "set", "names", "probe"} {
		out, stderr := child(t, what, append(s.Env, desktop.AskBus)...)
		if !strings.HasPrefix(out, "locked ") || stderr != "" {
			t.Errorf("%s: %q, stderr %q; want locked", what, out, stderr)
		}
	}
}

// TestSecretServiceStopped (F9): a service that accepts connections and does not answer, and
// one that is gone.
func TestSecretServiceStopped(t *testing.T) {
	s, err := keyringtest.StartSession(t.TempDir(), os.Getenv("PATH"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"get", "set", "names", "probe"} {
		if out, _ := child(t, what, append(s.Env, desktop.AskBus)...); !strings.HasPrefix(out, "unavailable ") {
			t.Errorf("%s: %q; want unavailable", what, out)
		}
	}
	_ = s.Daemon.Process.Signal(syscall.SIGCONT)
	if out, _ := child(t, "get", append(s.Env, desktop.AskBus)...); !strings.HasPrefix(out, "notfound ") {
		t.Errorf("after going on: %q", out)
	}
	_ = s.Daemon.Process.Kill()
	_ = s.Daemon.Wait()
	if out, _ := child(t, "get", append(s.Env, desktop.AskBus)...); !strings.HasPrefix(out, "unavailable ") {
		t.Errorf("service gone: %q", out)
	}
}

// TestKeyctl is the conformance of the kernel keyring, with a key of ours that has expired.
func TestKeyctl(t *testing.T) {
	keyringtest.Run(t, keyringtest.Traits{Writers: 50, Plant: func(t *testing.T) {
		theirs := must(t, os.Environ(), "", "keyctl", "add", "user", "another-program", "theirs", "@u")
		t.Cleanup(func() { must(t, os.Environ(), "", "keyctl", "unlink", theirs, "@u") })
		gone := must(t, os.Environ(), "", "keyctl", "add", "user", "credhelper:expired", "theirs", "@u")
		must(t, os.Environ(), "", "keyctl", "setperm", gone, "0x3f3f0000")
		must(t, os.Environ(), "", "keyctl", "timeout", gone, "1")
		time.Sleep(1100 * time.Millisecond)
	}}, opener(t, "keyctl", os.Environ()))
}

// gpgHome makes a GnuPG home with one key and a password store for it.
func gpgHome(t *testing.T, passphrase string) (env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "chgpg") // short: the path of the agent's socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GNUPGHOME=" + dir + "/gnupg", "PASSWORD_STORE_DIR=" + dir + "/store", "LC_ALL=C.UTF-8"}
	t.Cleanup(func() {
		must(t, env, "", "gpgconf", "--kill", "gpg-agent")
		os.RemoveAll(dir)
	})
	if err := os.Mkdir(dir+"/gnupg", 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, env, "", "gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, "--quick-generate-key", "credhelper-test@example.com", "future-default", "default", "never")
	must(t, env, "", "pass", "init", "credhelper-test@example.com")
	for _, entry := range env { // the library uses the environment of the process
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	return env
}

// TestPass is the conformance of pass, among what a person has stored there.
func TestPass(t *testing.T) {
	env := gpgHome(t, "")
	keyringtest.Run(t, keyringtest.Traits{Writers: 2, Plant: func(t *testing.T) {
		must(t, env, "theirs\n", "pass", "insert", "-m", "-f", "mail")
		must(t, env, "theirs\n", "pass", "insert", "-m", "-f", "credhelper/notes")
	}}, opener(t, "pass", env))
}

// TestPassLocked (F7): if the agent does not have the passphrase of the key, that is
// ErrLocked, with nothing on stderr and no prompt; once a person has unlocked the key, the
// same call works.
func TestPassLocked(t *testing.T) {
	env := gpgHome(t, "open sesame")
	k := opener(t, "pass", env)(t)
	value := secret.New("c4n4ry-s3cr3t")
	_, _ = patiently(func() (secret.Text, error) { // its read-back may find the agent locked already
		return value, k.Set(t.Context(), keyringtest.Key(1), value)
	})
	must(t, env, "", "gpgconf", "--kill", "gpg-agent")
	_, err := patiently(func() (secret.Text, error) { return k.Get(t.Context(), keyringtest.Key(1)) })
	if !errors.Is(err, keyring.ErrLocked) || !strings.Contains(err.Error(), "pass show credhelper/") {
		t.Fatalf("locked: %v", err)
	}
	file := filepath.Join(os.Getenv("PASSWORD_STORE_DIR"), "credhelper", keyringtest.Key(1)+".gpg")
	must(t, env, "", "gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "open sesame", "--output", os.DevNull, "--yes", "--decrypt", file)
	got, err := patiently(func() (secret.Text, error) { return k.Get(t.Context(), keyringtest.Key(1)) })
	if err != nil || !got.Equal(value) {
		t.Fatalf("unlocked: %d bytes, %v", got.Len(), err)
	}
}

// patiently repeats for up to a minute a call that gpg, its agent and pass cannot answer within
// desktop.Limit on a busy machine.
func patiently(get func() (secret.Text, error)) (value secret.Text, err error) {
	for end := time.Now().Add(time.Minute); ; {
		value, err = get()
		if !errors.Is(err, keyring.ErrUnavailable) || time.Now().After(end) {
			return value, err
		}
	}
}

// TestPassWithoutStore: "pass init" was never run.
func TestPassWithoutStore(t *testing.T) {
	env := gpgHome(t, "")
	t.Setenv("PASSWORD_STORE_DIR", t.TempDir())
	env = append(env, "PASSWORD_STORE_DIR="+os.Getenv("PASSWORD_STORE_DIR"))
	err := opener(t, "pass", env)(t).Set(t.Context(), keyringtest.Key(1), secret.New("value"))
	if !errors.Is(err, keyring.ErrUnavailable) || !strings.Contains(err.Error(), "pass init") {
		t.Errorf("no store: %v", err)
	}
}
