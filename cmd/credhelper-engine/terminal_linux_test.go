package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// person is a command on a terminal of its own, on which the test types.
type person struct {
	t       *testing.T
	master  *os.File
	slave   *os.File
	cmd     *exec.Cmd
	screen  bytes.Buffer // all that the terminal showed
	read    chan []byte
	done    chan error
	timeout <-chan time.Time
}

// sit starts credhelper in a session with a controlling terminal. stdin and stdout are not
// the terminal, as in a pipe; prompts go to the terminal all the same.
func sit(t *testing.T, home string, args ...string) *person {
	t.Helper()
	return sitWith(t, home, nil, args...)
}

// sitWith is sit with more variables in the environment.
func sitWith(t *testing.T, home string, environ []string, args ...string) *person {
	t.Helper()
	return seat(t, home, environ, func(*exec.Cmd, *os.File) {}, args...)
}

// seat is sitWith for a command that prepare changes before it starts.
func seat(t *testing.T, home string, environ []string, prepare func(cmd *exec.Cmd, terminal *os.File), args ...string) *person {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, master: master, slave: slave, read: make(chan []byte, 64), done: make(chan error, 1), timeout: time.After(2 * time.Minute)}
	p.cmd = exec.Command(bin+"/credhelper", args...)
	p.cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + home, "CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none", "TERM=xterm"}
	p.cmd.Env = append(p.cmd.Env, environ...)
	p.cmd.Stderr = slave
	p.cmd.ExtraFiles = []*os.File{slave}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	prepare(p.cmd, slave)
	// If SIGINT is ignored, as in many a CI, a child inherits that.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			b := make([]byte, 4096)
			n, err := master.Read(b)
			if err != nil {
				return
			}
			p.read <- b[:n]
		}
	}()
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); slave.Close(); master.Close() })
	return p
}

// see waits until the terminal shows a text.
func (p *person) see(text string) {
	p.t.Helper()
	for !strings.Contains(p.screen.String(), text) {
		select {
		case b := <-p.read:
			p.screen.Write(b)
		case err := <-p.done:
			p.done <- err
			if p.drain(); !strings.Contains(p.screen.String(), text) {
				p.t.Fatalf("it ended and did not show %q: %q", text, p.screen.String())
			}
		case <-p.timeout:
			p.t.Fatalf("the terminal does not show %q: %q", text, p.screen.String())
		}
	}
}

// types types a text.
func (p *person) types(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// typesHidden types a text once the terminal does not echo: the prompt comes a moment before
// that.
func (p *person) typesHidden(text string) {
	p.t.Helper()
	for p.echoes() {
		select {
		case <-p.timeout:
			p.t.Fatalf("the terminal would show what is typed: %q", p.screen.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	p.types(text)
}

func (p *person) echoes() bool {
	p.t.Helper()
	modes, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return modes.Lflag&unix.ECHO != 0
}

// ends waits for the end and returns the exit code.
func (p *person) ends() int {
	p.t.Helper()
	for {
		select {
		case b := <-p.read:
			p.screen.Write(b)
		case err := <-p.done:
			p.drain()
			code, err := inner.ChildExit(err)
			if err != nil {
				p.t.Fatal(err)
			}
			return code
		case <-p.timeout:
			p.t.Fatalf("it does not end: %q", p.screen.String())
		}
	}
}

// endsWith waits for the end, and fails unless the exit code is the wanted one.
func (p *person) endsWith(want int) {
	p.t.Helper()
	if code := p.ends(); code != want {
		p.t.Fatalf("exit %d, want %d: %s", code, want, p.screen.String())
	}
}

// drain reads what the terminal still shows of a process that has ended: all that comes
// before a mark which is written behind it.
func (p *person) drain() {
	p.t.Helper()
	const mark = "\x1e"
	if _, err := p.slave.WriteString(mark); err != nil {
		p.t.Fatal(err)
	}
	for {
		select {
		case b := <-p.read:
			before, _, found := strings.Cut(string(b), mark)
			if p.screen.WriteString(before); found {
				return
			}
		case <-p.timeout:
			p.t.Fatalf("the terminal does not show its end: %q", p.screen.String())
		}
	}
}

const typed = "typed-s3cret-CANARY"

func jamaServer(t *testing.T) *oauthtest.Server {
	t.Helper()
	return oauthtest.Start(t, oauthtest.Options{Product: "jama", Clients: []oauthtest.Client{{ID: "client", Secret: typed}}})
}

func addArgs(server *oauthtest.Server) []string {
	return []string{"add", "jama", "--preset", "jama", "--url", server.URL(), "--client-id", "client"}
}

// addAsks starts add and waits until it asks for the secret.
func addAsks(t *testing.T, home string, server *oauthtest.Server) *person {
	t.Helper()
	p := sit(t, home, addArgs(server)...)
	p.see("not shown: ")
	return p
}

// addTyped adds the profile jama with the secret that the server knows.
func addTyped(t *testing.T, home string, server *oauthtest.Server) {
	t.Helper()
	p := addAsks(t, home, server)
	p.typesHidden(typed + "\n")
	p.endsWith(0)
}

// TestAddAsksWithoutEcho: the secret is asked for on the terminal without echo, and the
// terminal's settings are restored (F22).
func TestAddAsksWithoutEcho(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	p := sit(t, home, addArgs(server)...)
	p.see("Client secret of client (Jama Connect), not shown: ")
	p.typesHidden(typed + "\n")
	p.endsWith(0)
	for _, want := range []string{"********", "opened by a key file", "identity   James Example", `Added profile "jama"`} {
		if !strings.Contains(strings.ToLower(p.screen.String()), strings.ToLower(want)) {
			t.Errorf("the terminal does not show %q: %s", want, p.screen.String())
		}
	}
	if strings.Contains(p.screen.String(), typed) {
		t.Error("the terminal shows the secret")
	}
	if !p.echoes() {
		t.Error("the terminal stays without echo")
	}
}

// TestPromptEndsCleanly: whatever ends a prompt, the terminal echoes again, the exit code
// tells what it was, and nothing is left behind (F22).
func TestPromptEndsCleanly(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(p *person)
		code int
	}{
		{"ctrl-c", func(p *person) { p.typesHidden("half\x03") }, 130},
		{"empty", func(p *person) { p.typesHidden("\n") }, 2},
		{"ctrl-d", func(p *person) { p.typesHidden("\x04") }, 2},
		{"term", func(p *person) { p.typesHidden(""); _ = p.cmd.Process.Signal(syscall.SIGTERM) }, 143},
		{"hup", func(p *person) { p.typesHidden(""); _ = p.cmd.Process.Signal(syscall.SIGHUP) }, 129},
		{"quit", func(p *person) { p.typesHidden("\x1c") }, 131},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, home := jamaServer(t), newHome(t)
			p := addAsks(t, home, server)
			c.end(p)
			p.endsWith(c.code)
			if !p.echoes() {
				t.Error("the terminal stays without echo")
			}
			if _, err := os.Stat(home + "/config/profiles/jama.toml"); err == nil {
				t.Error("half a profile is left")
			}
			if server.Count() != 0 {
				t.Error("the server was asked")
			}
		})
	}
}

// TestTooLongForATerminal: a terminal in line mode silently truncates lines at 4095 bytes; a
// truncated secret must not be stored.
func TestTooLongForATerminal(t *testing.T) {
	p := addAsks(t, newHome(t), jamaServer(t))
	p.typesHidden(strings.Repeat("x", 5000))
	p.typesHidden("\n")
	if code := p.ends(); code != 2 || !strings.Contains(p.screen.String(), "--secret-file") {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
}

// stopped reports whether all threads of the process are.
func (p *person) stopped() bool {
	states, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	return len(states) > 0 && !slices.ContainsFunc(states, func(path string) bool {
		text, _ := os.ReadFile(path)
		return !strings.Contains(string(text), ") T ")
	})
}

// TestPastedLines: echo is off when the question is shown, and of several pasted lines only
// the first is read; the others are not left to the shell, which would show and run them.
func TestPastedLines(t *testing.T) {
	p := sit(t, newHome(t), addArgs(jamaServer(t))...)
	p.see("not shown: ")
	if p.echoes() {
		t.Error("what answers the question at once is shown")
	}
	const lines = "first\nsecond\nthird"
	waiting := func() int {
		n, err := unix.IoctlGetInt(int(p.slave.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	_ = p.cmd.Process.Signal(syscall.SIGSTOP) // so that all are there before one is read
	for range 500 {
		if p.stopped() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.types(lines + "\n")
	for range 500 {
		if waiting() > len(lines) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := waiting(); n != len(lines)+1 {
		t.Fatalf("%d bytes wait: the test is blind", n)
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	if code := p.ends(); code != 7 {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
	if n := waiting(); n != 0 {
		t.Errorf("%d bytes are left to the shell", n)
	}
}

// TestRefusedSecretIsNotKept: the person is told why, and nothing is stored.
func TestRefusedSecretIsNotKept(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	p := addAsks(t, home, server)
	p.typesHidden("wrong\n")
	if code := p.ends(); code != 7 || !strings.Contains(p.screen.String(), "401 invalid_client") {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
	if _, err := os.Stat(home + "/data"); err == nil {
		t.Error("something was stored")
	}
}

// TestPassphrase: set, unlock, wrong passphrase, change; a new one is asked for twice.
func TestPassphrase(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	addTyped(t, home, server)
	p := sit(t, home, "keyring", "passphrase")
	p.see("New passphrase: ")
	p.typesHidden("one two three\n")
	p.see("The same again: ")
	p.typesHidden("one two four\n")
	if code := p.ends(); code != 2 || !strings.Contains(p.screen.String(), "the two differ") {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
	p = sit(t, home, "keyring", "passphrase")
	p.see("New passphrase: ")
	p.typesHidden("one two three\n")
	p.see("The same again: ")
	p.typesHidden("one two three\n")
	p.endsWith(0)
	p = sit(t, home, "unlock")
	p.see("Passphrase of the keyring: ")
	p.typesHidden("one two four\n")
	if code := p.ends(); code != 5 || !strings.Contains(p.screen.String(), "wrong passphrase") {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
	p = sit(t, home, "unlock")
	p.see("Passphrase of the keyring: ")
	p.typesHidden("one two three\n")
	p.endsWith(0)
	p = sit(t, home, "lock")
	p.endsWith(0)
}

// TestToolsWordByHand: a person who types a tool's command is told that tools call it, and
// lines from the terminal are not read as requests. cargo itself always adds its flag.
func TestToolsWordByHand(t *testing.T) {
	for _, args := range [][]string{{"cargo"}, {"cargo", "--help"}, {"git", "--help"}, {"--profile", "jama", "docker", "-h"}} {
		p := seat(t, newHome(t), nil, func(cmd *exec.Cmd, terminal *os.File) { cmd.Stdin, cmd.Stdout = terminal, terminal }, args...)
		if code := p.ends(); code != 2 || !strings.HasPrefix(p.screen.String(), "credhelper: usage: ") {
			t.Errorf("%v: exit %d: %s", args, code, p.screen.String())
		}
	}
}

// TestCtrlDBehindText: Ctrl-D after text ends the line, as Enter does.
func TestCtrlDBehindText(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	p := addAsks(t, home, server)
	p.typesHidden(typed + "\x04")
	p.endsWith(0)
}

// TestOddEnds: spaces and quotation marks that may come from copying are asked about, and
// the secret is never shown.
func TestOddEnds(t *testing.T) {
	for _, c := range []struct{ name, typed, answer string }{
		{"a blank behind", typed + " ", "n\n"},
		{"a blank before", " " + typed, "\n"},
		{"quotation marks", "\"" + typed + "\"", "n\n"},
		{"apostrophes", "'" + typed + "'", "n\n"},
		{"a word processor's", "“" + typed + "”", "n\n"},
		{"a chat's apostrophes", "‘" + typed + "’", "n\n"},
		{"Ctrl-D is no, and ends the line", "'" + typed + "'", "\x04"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, home := jamaServer(t), newHome(t)
			p := addAsks(t, home, server)
			p.typesHidden(c.typed + "\n")
			p.see("Does that belong to the secret? [y/N] ")
			p.types(c.answer)
			if code := p.ends(); code != 0 || strings.Contains(p.screen.String(), typed) {
				t.Errorf("exit %d: %s", code, p.screen.String())
			}
			if screen := p.screen.String(); !strings.Contains(screen, "[y/N] n\r\n") && !strings.Contains(screen, "[y/N] \r\n") {
				t.Errorf("what follows the answer does not begin a line: %q", screen)
			}
		})
	}
	server, home := jamaServer(t), newHome(t)
	p := addAsks(t, home, server)
	p.typesHidden("'" + typed + "'\n")
	p.see("[y/N] ")
	p.types("y\n") // then the server gets all of it, and refuses
	p.endsWith(7)
}

// TestLockedBeforeAsked: if the keyring is locked, the error comes before a prompt for a
// secret, before a sign-in and before any request.
func TestLockedBeforeAsked(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	addTyped(t, home, server)
	p := sit(t, home, "keyring", "passphrase")
	for _, question := range []string{"New passphrase: ", "The same again: "} {
		p.see(question)
		p.typesHidden("a passphrase to lock with\n")
	}
	p.endsWith(0)
	if code := sit(t, home, "lock").ends(); code != 0 {
		t.Fatal("lock: exit", code)
	}
	asked := len(server.Requests())
	other := []string{"add", "other", "--preset", "jama", "--url", server.URL() + "/other", "--client-id", "client"}
	err := os.WriteFile(home+"/config/profiles/person.toml", []byte(`url = "https://person.example.com"
client_id = "client"
client_auth = "none"
grant = "authorization_code"
authorization_url = "`+server.URL()+`/authorize"
token_url = "`+server.URL()+`/token"
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"rotate", "jama"}, other, {"login", "person", "--no-browser"}} {
		p = sit(t, home, args...)
		code := p.ends()
		if screen := p.screen.String(); code != 5 || strings.Contains(screen, "not shown") || strings.Contains(screen, "Sign in") || !strings.Contains(screen, "credhelper unlock") {
			t.Errorf("%v: exit %d: %s", args, code, screen)
		}
	}
	if more := len(server.Requests()) - asked; more != 0 {
		t.Errorf("%d requests for secrets that cannot be stored", more)
	}
}

// TestTypedSecretIsNotLost: add and rotate offer to store a typed secret that cannot be
// tested because the network is down.
func TestTypedSecretIsNotLost(t *testing.T) {
	t.Parallel() // mostly waiting
	const question = "Store the new secret without asking the server?"
	for answer, want := range map[string]string{"y\n": "stored, but not verified", "n\n": "nothing was stored; try again", "\x04": "nothing was stored; try again"} {
		server, home := jamaServer(t), newHome(t)
		if err := server.Always("reset-early"); err != nil {
			t.Fatal(err)
		}
		p := addAsks(t, home, server)
		p.typesHidden(typed + "\n")
		p.see(question)
		p.types(answer)
		if code := p.ends(); code != 8 || !strings.Contains(p.screen.String(), want) || strings.Contains(p.screen.String(), "The one before") {
			t.Errorf("add, %q: exit %d: %s", answer, code, p.screen.String())
		}
		_, err := os.Stat(home + "/config/profiles/jama.toml")
		if added := err == nil; added != (answer == "y\n") {
			t.Errorf("add, %q: the profile is there: %v", answer, added)
		}
	}
	for answer, want := range map[string]string{"y\n": "stored, but not verified", "n\n": "is unchanged"} {
		server, home := jamaServer(t), newHome(t)
		addTyped(t, home, server)
		if err := server.Always("reset-early"); err != nil {
			t.Fatal(err)
		}
		p := sit(t, home, "rotate", "jama")
		p.see("not shown: ")
		p.typesHidden("another-s3cret\n")
		p.see(question)
		p.types(answer)
		if code := p.ends(); code != 8 || !strings.Contains(p.screen.String(), want) {
			t.Errorf("%q: exit %d: %s", answer, code, p.screen.String())
		}
	}
}
