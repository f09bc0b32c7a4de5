//go:build linux

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// answers are the calls that the front answers from the cache without the engine.
var answers = []struct {
	name, stdin string
	args        []string
}{
	{"token by name", "", []string{"token", "jama"}},
	{"header by URL", "", []string{"header", "https://api.example.com/rest"}},
	{"native JSON", `{"uri":"https://api.example.com/rest"}`, []string{"get"}},
	{"git", "protocol=https\nhost=api.example.com\n\n", []string{"git-credential-credhelper", "get"}},
	{"docker", "https://api.example.com", []string{"docker-credential-credhelper", "get"}},
	{"bazel", `{"uri":"https://api.example.com/rest"}`, []string{"credhelper-bazel", "get"}},
}

// notOnAHit are the system calls that a cached answer must not make.
var notOnAHit = regexp.MustCompile(`^(socket|connect|sendto|sendmsg|bind|listen|fork|vfork|clone3?|add_key|request_key|rename|renameat2?|unlink|unlinkat|mkdir|mkdirat|memfd_create|ptrace)\(`)

// TestHitTouchesNothing: for a cached answer the front opens no connection, no keyring and
// no D-Bus, starts nothing, writes nothing but the answer, and only stats profiles. The one
// key that it reads is that of the sealed token (docs/performance.md).
func TestHitTouchesNothing(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := warmHome(t, s)
	before := s.requests()
	for _, a := range answers {
		log := filepath.Join(t.TempDir(), "log")
		cmd := traced(t, h, log, nil, a.args...)
		cmd.Stdin = strings.NewReader(a.stdin)
		r := finish(t, cmd)
		if r.code != 0 || !strings.Contains(r.stdout, "canary") || r.stderr != "" {
			t.Fatalf("%s: %+v", a.name, r)
		}
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		execs, opened := 0, 0
		for _, line := range strings.Split(string(content), "\n") {
			_, call, _ := strings.Cut(line, " ")
			call = strings.TrimSpace(call)
			switch {
			case strings.HasPrefix(call, "execve("):
				execs++
			case strings.HasPrefix(call, "clone(") && strings.Contains(call, "CLONE_THREAD"), strings.HasPrefix(call, "clone3(") && strings.Contains(call, "CLONE_THREAD"):
				// the runtime's own threads
			case notOnAHit.MatchString(call), strings.Contains(call, "DBUS"), strings.Contains(call, "/bus\""):
				t.Errorf("%s: %s", a.name, call)
			case strings.HasPrefix(call, "keyctl(") && !strings.Contains(call, "KEYCTL_READ"):
				t.Errorf("%s: %s", a.name, call)
			case strings.HasPrefix(call, "write(") && !strings.HasPrefix(call, "write(1<"):
				t.Errorf("%s writes elsewhere: %s", a.name, call)
			case strings.HasPrefix(call, "open"):
				opened++
				if strings.Contains(call, "/config/") || strings.Contains(call, "/data/") || strings.Contains(call, ".toml") {
					t.Errorf("%s opens configuration or secrets: %s", a.name, call)
				}
				if strings.Contains(call, "O_WRONLY") || strings.Contains(call, "O_RDWR") || strings.Contains(call, "O_CREAT") {
					t.Errorf("%s opens for writing: %s", a.name, call)
				}
			}
		}
		if execs != 1 || opened < 2 {
			t.Errorf("%s: %d execve, want 1; %d opens, want the directory and the entry at least: the test may be blind\n%s", a.name, execs, opened, content)
		}
	}
	if n := s.requests() - before; n != 0 {
		t.Errorf("%d token requests on hits", n)
	}
}

// TestStackGrowsFirst: front and engine grow their stack before the first package that
// needs a larger one is initialized, in an order that the paths of packages decide.
func TestStackGrowsFirst(t *testing.T) {
	cmd := exec.Command(filepath.Join(bin, "credhelper"), "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, trace.String())
	}
	starts := strings.Split(trace.String(), "init internal/bytealg ")[1:]
	if len(starts) != 2 {
		t.Fatalf("%d processes, want the front and the engine: the test is blind\n%s", len(starts), trace.String())
	}
	for i, start := range starts {
		grown, needed := strings.Index(start, "/cmd/internal/stack @"), strings.Index(start, "init internal/godebug @")
		if grown < 0 || needed < grown {
			t.Errorf("executable %d grows its stack too late:\n%s", i+1, start)
		}
	}
}
