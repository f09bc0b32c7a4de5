package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestRequestIsTyped: a person who runs a command that reads stdin is told so, has time to
// type, and gets the answer; a tool whose pipe stays silent is still given up after 2 s.
func TestRequestIsTyped(t *testing.T) {
	t.Parallel() // mostly waiting
	server, home := jamaServer(t), newHome(t)
	addTyped(t, home, server)
	for _, c := range []struct{ args, text, want string }{
		{"get", "{\"profile\":\n\"jama\"}\n\x04", `"profile":"jama"`},
		{"git get", "protocol=http\nhost=" + strings.TrimPrefix(server.URL(), "http://") + "\n\n", "password="},
		{"reject jama", "an0ther-t0ken\n\x04", ""},
	} {
		p := seat(t, home, nil, func(cmd *exec.Cmd, terminal *os.File) { cmd.Stdin, cmd.Stdout = terminal, terminal }, strings.Fields(c.args)...)
		p.see("Reading the request from the terminal; Ctrl-D ends it")
		time.Sleep(2200 * time.Millisecond) // longer than a tool may
		for _, line := range strings.SplitAfter(c.text, "\n") {
			if _, err := p.master.WriteString(line); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if code := p.ends(); code != 0 || !strings.Contains(p.screen.String(), c.want) {
			t.Errorf("%s: exit %d, %q", c.args, code, p.screen.String())
		}
	}
	p := seat(t, home, nil, func(cmd *exec.Cmd, terminal *os.File) { cmd.Stdin, cmd.Stdout = terminal, terminal }, "get")
	p.see("Reading the request")
	p.types("\x03")
	if code := p.ends(); code != 130 && code != -1 {
		t.Errorf("Ctrl-C: exit %d", code)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p = seat(t, home, nil, func(cmd *exec.Cmd, _ *os.File) { cmd.Stdin = in }, "get")
	if code := p.ends(); code != 2 || !strings.Contains(p.screen.String(), "no whole request on stdin within 2 s") || strings.Contains(p.screen.String(), "Reading") {
		t.Errorf("a silent pipe: exit %d, %q", code, p.screen.String())
	}
}
