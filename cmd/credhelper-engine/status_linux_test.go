package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStatusOnATerminal: status on a terminal of 40 columns, plain if the terminal is, and
// repeatedly with --watch, which Ctrl-C ends.
func TestStatusOnATerminal(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	addTyped(t, home, server)
	if err := os.WriteFile(home+"/config/profiles/later.toml", []byte("preset = \"jama\"\nurl = \"https://later.example\"\nclient_id = \"c\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	onTerminal := func(environ []string, args ...string) *person {
		return seat(t, home, environ, func(cmd *exec.Cmd, terminal *os.File) {
			cmd.Stdin, cmd.Stdout = terminal, terminal
			if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 40}); err != nil {
				t.Fatal(err)
			}
		}, args...)
	}
	for _, environ := range [][]string{{"LANG=C"}, {"NO_COLOR=1", "LANG=C.UTF-8"}, {"TERM=dumb"}, {"LANG=C.UTF-8"}} {
		p := onTerminal(environ, "status")
		p.endsWith(0)
		text := p.screen.String()
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\r\n"); width(line) > 40 {
				t.Errorf("%v: wider than the terminal: %q", environ, line)
			}
		}
		if strings.Index(text, "later") > strings.Index(text, "jama") || !strings.Contains(text, "-> credhelper rotate later") {
			t.Errorf("%v: %s", environ, text)
		}
		if colours, plainOnly := strings.Contains(text, "\x1b"), environ[0] != "LANG=C" && environ[0] != "LANG=C.UTF-8"; colours == plainOnly {
			t.Errorf("%v: %q", environ, text)
		}
	}
	p := onTerminal(nil, "status", "--watch")
	p.see("\x1b[H\x1b[2J")
	p.see("2 profiles: 1 ready, 1 needs you")
	p.types("\x03")
	p.endsWith(130)
}

// TestStatusBadInput: with wrong arguments, a broken profile or many profiles, on a small
// terminal and in a pipe, the output of status is readable, ends in time, and begins with
// what needs a person, each with its command.
func TestStatusBadInput(t *testing.T) {
	home := newHome(t)
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(home+"/config/profiles/"+name+".toml", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(home+"/config/profiles", 0o700); err != nil {
		t.Fatal(err)
	}
	key := home + "/secret"
	if err := os.WriteFile(key, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 998 {
		write(fmt.Sprintf("p%03d", i), fmt.Sprintf("preset = \"jama\"\nurl = \"https://p%d.example\"\nclient_id = \"c\"\nsecret = [\"file\", %q]\n", i, key))
	}
	write("yours", "preset = \"jama\"\nurl = \"https://yours.example\"\nclient_id = \"c\"\n")
	write("broken", "preset = \"jama\"\ncolour = 1\n")
	for _, environ := range [][]string{{"LANG=C"}, {"TERM=dumb"}, {"NO_COLOR=1"}, {"LANG=C.UTF-8"}} {
		for _, c := range []struct {
			args string
			code int
			want []string
		}{
			{"status", 9, []string{"broken", "cannot be used", "-> credhelper edit broken", "yours", "no keyring", "-> credhelper rotate yours", "p000", "more that are ready: credhelper status | less", "1000 profiles: 998 ready, 2 need you"}},
			{"status broken", 9, []string{"cannot be used", "-> credhelper edit broken", "1 profile: 0 ready, 1 needs you"}},
			{"status p00", 3, []string{"no profile p00"}},
			{"status ../p000", 3, []string{"not a profile name: ../p000"}},
		} {
			p := seat(t, home, environ, func(cmd *exec.Cmd, terminal *os.File) {
				cmd.Stdin, cmd.Stdout = terminal, terminal
				if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 40}); err != nil {
					t.Fatal(err)
				}
			}, strings.Fields(c.args)...)
			if code := p.ends(); code != c.code {
				t.Errorf("%v %s: exit %d", environ, c.args, code)
			}
			table, _, _ := strings.Cut(p.screen.String(), "credhelper: ")
			text, at := strings.Join(strings.Fields(plain(p.screen.String())), " "), 0
			for _, want := range c.want {
				next := strings.Index(text[at:], want)
				if next < 0 {
					t.Fatalf("%v %s: no %q where it belongs:\n%s", environ, c.args, want, text)
				}
				at += next
			}
			for line := range strings.Lines(table) {
				if line = strings.TrimRight(line, "\r\n"); width(line) > 40 && !strings.Contains(line, "-> ") {
					t.Errorf("%v %s: wider than the terminal: %q", environ, c.args, line)
				}
			}
			if n := strings.Count(table, "\n"); n > 26 {
				t.Errorf("%v %s: %d lines", environ, c.args, n)
			}
		}
	}
	piped := exec.Command(bin+"/credhelper", "status")
	piped.Env = []string{"HOME=" + home, "CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none", "TERM=xterm", "LANG=C.UTF-8"}
	out, _ := piped.Output()
	text := string(out)
	if strings.Count(text, "from file") != 998 || strings.Contains(text, "\x1b") || strings.Index(text, "broken") > strings.Index(text, "p000") {
		t.Errorf("in a pipe: %.600s", text)
	}
}

// TestStatusClash: status marks two profiles that claim one origin in both rows, with
// advice; a third one is not marked.
func TestStatusClash(t *testing.T) {
	home := newHome(t)
	if err := os.MkdirAll(home+"/config/profiles", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(home+"/secret", []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, host := range map[string]string{"one": "same", "two": "same", "three": "other"} {
		text := fmt.Sprintf("preset = \"jama\"\nurl = \"https://%s.example\"\nclient_id = \"c\"\nsecret = [\"file\", %q]\n", host, home+"/secret")
		if err := os.WriteFile(home+"/config/profiles/"+name+".toml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin+"/credhelper", "status")
	cmd.Env = []string{"HOME=" + home, "CREDHELPER_HOME=" + home, "CREDHELPER_ETC=none"}
	out, err := cmd.Output()
	text := string(out)
	if err != nil || strings.Count(text, "both claim https://same.example") != 2 || strings.Index(text, "three") < strings.Index(text, "both claim") {
		t.Errorf("%v\n%s", err, text)
	}
	for _, want := range []string{"x one", "x two", "o three", "-> credhelper edit one", "-> credhelper edit two", "3 profiles: 1 ready, 2 need you"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q:\n%s", want, text)
		}
	}
}
