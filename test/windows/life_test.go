//go:build wine

package windows

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processes returns the pids of a program of this Windows.
func processes(t *testing.T, program string) (pids []int) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(list) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	for _, path := range list {
		line, _ := os.ReadFile(path)
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		started, _, _ := strings.Cut(string(line), "\x00")
		name := started[strings.LastIndexAny(started, `/\`)+1:]
		if strings.TrimSuffix(name, ".exe") == program && bytes.Contains(environ, []byte("WINEPREFIX="+os.Getenv("WINEPREFIX"))) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// within waits until a condition holds, for a minute.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// started starts a program of Windows whose input stays open.
func (u *user) started(program string, args ...string) (stdin io.WriteCloser, stdout io.ReadCloser) {
	u.t.Helper()
	cmd := exec.Command("wine", append([]string{program}, args...)...)
	cmd.Env = append(os.Environ(), u.environ...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	if stdout, err = cmd.StdoutPipe(); err != nil {
		u.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { stdin.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return stdin, stdout
}

// killed kills the only process of a program.
func killed(t *testing.T, program string) {
	t.Helper()
	pids := processes(t, program)
	if len(pids) != 1 {
		t.Fatalf("processes of %s: %v", program, pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestExec: the command reads the token from a file, its exit code is ours, and nothing
// stays behind, also where credhelper was killed.
func TestExec(t *testing.T) {
	s := newServer(t)
	// cmd quotes no path with blanks by itself.
	u := (&user{t, bin, []string{"CREDHELPER_HOME=" + windowsPath(filepath.Join(t.TempDir(), "home"))}}).withProfile(s)
	token := strings.TrimSpace(u.wants(0, "", "token", "jama").stdout)
	a := u.wants(0, "", "exec", "jama", "--", "cmd", "/c", "type %BEARER_TOKEN_FILE%")
	has(t, a.stdout, token)
	has(t, a.stderr, "its token is on a disk, unencrypted")
	u.wants(7, "", "exec", "jama", "--", "cmd", "/c", "exit 7")
	left := func() (list []string) {
		for _, path := range filesBelow(t, linuxPath(strings.TrimPrefix(u.environ[0], "CREDHELPER_HOME="))) {
			if content, err := os.ReadFile(path); err == nil && strings.Contains(string(content), token) {
				list = append(list, path)
			}
		}
		return list
	}
	if list := left(); len(list) > 0 {
		t.Errorf("left behind: %q", list)
	}
	u.started(filepath.Join(u.bin, "credhelper.exe"), "exec", "jama", "--", "cmd", "/k")
	within(t, "the token file of a running exec", func() bool { return len(left()) == 1 })
	killed(t, "credhelper-engine")
	within(t, "the end of the front", func() bool { return len(processes(t, "credhelper")) == 0 })
	u.wants(0, "", "exec", "jama", "--", "cmd", "/c", "exit 0")
	if list := left(); len(list) > 0 {
		t.Errorf("left behind by a killed exec, and by the next one: %q", list)
	}
	for _, pid := range processes(t, "cmd") {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestFrontIsKilled: to a tool credhelper is one program, which a kill ends.
func TestFrontIsKilled(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	u.started(filepath.Join(u.bin, "credhelper.exe"), "serve", "--stdio")
	within(t, "the engine", func() bool { return len(processes(t, "credhelper-engine")) == 1 })
	killed(t, "credhelper")
	within(t, "the end of the engine", func() bool { return len(processes(t, "credhelper-engine")) == 0 })
}

// TestHostIsKilled (T20): what serves a host ends with it, although the pipe of its input
// stays open.
func TestHostIsKilled(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	u.started("cmd", "/c", windowsPath(filepath.Join(plainBin(t), "credhelper.exe")), "serve", "--stdio")
	within(t, "the engine", func() bool { return len(processes(t, "credhelper-engine")) == 1 })
	killed(t, "cmd")
	within(t, "the end of the engine", func() bool { return len(processes(t, "credhelper")) == 0 })
}
