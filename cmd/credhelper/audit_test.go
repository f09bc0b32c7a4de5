//go:build linux

package main_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// read returns the content of a file; nothing if it does not exist.
func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return content
}

// TestAuditByTheFront: with audit = "all" the front writes the line of a cache hit itself,
// and it is the line that the engine would write. If the front cannot write it, the engine
// answers.
func TestAuditByTheFront(t *testing.T) {
	h := warmHome(t, newServer(t))
	if err := os.WriteFile(h.Dirs.Settings(), append(read(t, h.Dirs.Settings()), "audit = \"all\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	front := alone(t, h)
	said := func(h *program.Home, stdin string, args ...string) (line string) {
		t.Helper()
		before := len(read(t, h.Dirs.Log()))
		cmd := h.Command(args...)
		cmd.Stdin = strings.NewReader(stdin)
		if r := finish(t, cmd); r.code != 0 || r.stdout == "" {
			t.Fatalf("%v: %+v", args, r)
		}
		return string(read(t, h.Dirs.Log())[before:])
	}
	when := regexp.MustCompile(`"time":"20[^"]*Z"`)
	for _, c := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"token", "jama"}},
		{"", []string{"token", "https://api.example.com/x?secret=no"}},
		{"", []string{"header", "jama"}},
		{`{"uri":"https://api.example.com/x"}`, []string{"get"}},
		{"protocol=https\nhost=api.example.com\n\n", []string{"git", "get"}},
		{"https://api.example.com", []string{"docker", "get"}},
	} {
		now := time.Now() // the changed ctime makes the front execute the engine, which seals again
		if err := os.Chtimes(filepath.Join(h.Dirs.Profiles(), "jama.toml"), now, now); err != nil {
			t.Fatal(err)
		}
		settle()
		want := when.ReplaceAllString(said(h, c.stdin, c.args...), "")
		got := said(front, c.stdin, c.args...)
		if !when.MatchString(got) || when.ReplaceAllString(got, "") != want || strings.Count(want, "\n") != 1 || !strings.Contains(want, `"event":"hit"`) {
			t.Errorf("%v: %swant %s", c.args, got, want)
		}
	}
	if err := os.Remove(h.Dirs.Log()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.Dirs.Log(), 0o700); err != nil { // stops root as well
		t.Fatal(err)
	}
	if r := finish(t, h.Command("token", "jama")); r.code != 0 || r.token() == "" {
		t.Errorf("no line, no answer: %+v", r)
	}
	if r := finish(t, front.Command("token", "jama")); r.code != 9 || r.stdout != "" {
		t.Errorf("the front gives a token without a line: %+v", r)
	}
}

// TestAuditRequiredByTheFront: with audit = "required" the front gives no token without a
// line. It says so itself and names the log; the engine is not executed.
func TestAuditRequiredByTheFront(t *testing.T) {
	h := warmHome(t, newServer(t))
	if err := os.WriteFile(h.Dirs.Settings(), append(read(t, h.Dirs.Settings()), "audit = \"required\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	settle()
	if r := finish(t, h.Command("token", "jama")); r.code != 0 || r.token() == "" { // which seals again
		t.Fatalf("%+v", r)
	}
	front := alone(t, h)
	before := len(read(t, h.Dirs.Log()))
	if r := finish(t, front.Command("token", "jama")); r.code != 0 || r.token() == "" || len(read(t, h.Dirs.Log())) == before {
		t.Errorf("with a log: %+v", r)
	}
	if err := os.Remove(h.Dirs.Log()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.Dirs.Log(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"token", "header"} {
		if r := finish(t, front.Command(word, "jama")); r.code != 9 || r.stdout != "" || !strings.Contains(r.stderr, h.Dirs.Log()) {
			t.Errorf("%s without a log: %+v", word, r)
		}
	}
}

// TestAuditRequiredByThePlugin: a connector's credhelper gives no token without a line,
// whether from the cache, from memory or from a fetch, and gives tokens again once the log
// can be written.
func TestAuditRequiredByThePlugin(t *testing.T) {
	h := warmHome(t, newServer(t))
	if err := os.WriteFile(h.Dirs.Settings(), append(read(t, h.Dirs.Settings()), "audit = \"required\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := connector.Dial(connector.Config{Path: filepath.Join(h.Bin, "credhelper"), Env: append(h.Env, "XDG_RUNTIME_DIR="+sockets(t))})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ask := func(refresh bool) (protocol.Credential, error) {
		return client.Get(context.Background(), protocol.Request{Verb: protocol.Get, Profile: "jama", Refresh: refresh})
	}
	for range 3 {
		if c, err := ask(false); err != nil || c.Secret.IsZero() {
			t.Fatalf("with a log: %v", err)
		}
	}
	if n := strings.Count(string(read(t, h.Dirs.Log())), `"event":"hit","profile":"jama","dialect":"plugin"`); n != 3 {
		t.Errorf("3 answers, %d lines", n)
	}
	if err := os.Remove(h.Dirs.Log()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.Dirs.Log(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, refresh := range []bool{false, true, false} {
		if c, err := ask(refresh); !errors.Is(err, protocol.ErrPolicy) || !c.Secret.IsZero() || !strings.Contains(err.Error(), h.Dirs.Log()) {
			t.Errorf("without a log, refresh %v: %v", refresh, err)
		}
	}
	if err := os.Remove(h.Dirs.Log()); err != nil {
		t.Fatal(err)
	}
	if c, err := ask(false); err != nil || c.Secret.IsZero() {
		t.Errorf("with a log again: %v", err)
	}
}
