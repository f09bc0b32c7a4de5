package main

import (
	"os"
	"os/exec"
	"os/signal"
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
			if line = strings.TrimRight(line, "\r\n"); width(line) > 40 && !strings.HasPrefix(line, "keyring:") {
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
	// If SIGINT is ignored, as in many a CI, a child inherits that.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	p := onTerminal(nil, "status", "--watch")
	p.see("\x1b[H\x1b[2J")
	p.see("2 profiles: 1 ready, 1 needs you")
	p.types("\x03")
	p.endsWith(130)
}
