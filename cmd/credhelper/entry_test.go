//go:build linux && (amd64 || arm64)

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEntry: the front starts before Go's runtime does, which therefore looks for no
// container and whose threads sleep longer.
func TestEntry(t *testing.T) {
	if elsewhere(t) {
		return
	}
	h, log := warmHome(t, newServer(t)), filepath.Join(t.TempDir(), "log")
	if r := finish(t, traced(t, h, log, nil, "token", "jama")); r.code != 0 || r.token() == "" {
		t.Fatalf("%+v", r)
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls := string(content)
	if slack, runtimes := strings.Index(calls, "prctl(PR_SET_TIMERSLACK, 20000000)"), strings.Index(calls, "sched_getaffinity("); slack < 0 || slack > runtimes {
		t.Errorf("it does not start at the entry:\n%s", calls)
	}
	for _, path := range []string{"/proc/self/", "/sys/"} {
		if at := strings.Index(calls, path); at >= 0 && !strings.Contains(calls[at:at+strings.IndexByte(calls[at:], '\n')], "EMFILE") {
			t.Errorf("it reads below %s:\n%s", path, calls)
		}
	}
}

// TestEntryLeaves: the next program has the limit of open files, the timer slack, the
// environment and the arguments that the front was started with, few or many; the engine
// starts on one processor, unless the user says how many.
func TestEntryLeaves(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	front, err := os.ReadFile(filepath.Join(bin, "credhelper"))
	if err != nil {
		t.Fatal(err)
	}
	script := "#!" + need(t, "sh") + "\n" + need(t, "cat") + " /proc/self/timerslack_ns\necho $(ulimit -Sn) $# ${GOMAXPROCS-none} $LAST\n"
	for name, content := range map[string][]byte{"credhelper": front, "credhelper-engine": []byte(script), "credhelper-plugin": []byte(script)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("V%d=%d", i, i)
	}
	for _, c := range []struct {
		args, env []string
		want      string
	}{
		{[]string{"list"}, nil, "3 +1"},
		{[]string{"list"}, []string{"A=1", "LAST=l"}, "3 +1 l"},
		{[]string{"list"}, []string{"GOMAXPROCS=3"}, "3 3"},
		{[]string{"list"}, []string{"GOMAXPROCS=", "LAST=l"}, "3 l"},
		{[]string{"plugin"}, nil, "3 none"},
		{[]string{"plugin"}, []string{"A=1", "GOMAXPROCS=3"}, "3 3"},
		{append([]string{"list"}, many...), append(many, "LAST=l"), "5003 +1 l"},
	} {
		cmd := exec.Command(need(t, "sh"), append([]string{"-c", `ulimit -Sn 123; exec "$@"`, "sh", filepath.Join(dir, "credhelper")}, c.args...)...)
		cmd.Env = append([]string{}, c.env...)
		if got := lazily(t, 123456, cmd); got != "123456\n123 "+c.want+"\n" {
			t.Errorf("%.80q with %.80q: the next program says %q, want %s", c.args, c.env, got, c.want)
		}
	}
	// A sandbox may not tell the slack.
	untold := exec.Command(need(t, "strace"), "-qq", "-o", os.DevNull, "-e", "inject=prctl:error=EPERM:when=1", filepath.Join(dir, "credhelper"), "list")
	untold.Env = []string{}
	if got := lazily(t, 123456, untold); !strings.HasPrefix(got, "123456\n") {
		t.Errorf("a slack that was not told is changed: %q", got)
	}
}

// lazily runs a command whose timer slack is so many nanoseconds, and returns what it
// prints.
func lazily(t *testing.T, slack int, cmd *exec.Cmd) string {
	t.Helper()
	runtime.LockOSThread() // which has the slack, and starts the command
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%.200q: %v", cmd.Args, err)
	}
	return string(out)
}
