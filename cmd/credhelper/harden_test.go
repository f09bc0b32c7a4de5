//go:build linux

package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// ordinary is the user as which root's tests run; stranger is another user.
const ordinary, stranger = 65534, 65533

// as makes cmd run as that user if this is root; otherwise it is unchanged.
func as(cmd *exec.Cmd, uid uint32) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	return cmd
}

// enterable lets every user enter a directory of t.TempDir, whose parent lets nobody in.
func enterable(t *testing.T, dir string) {
	t.Helper()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
}

// ordinaryHome is a directory of the ordinary user in which credhelper runs.
func ordinaryHome(t *testing.T) *program.Home {
	t.Helper()
	dir := t.TempDir()
	enterable(t, dir)
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, ordinary, ordinary); err != nil {
			t.Fatal(err)
		}
	}
	return &program.Home{Dir: dir, Bin: bin, Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CREDHELPER_HOME=" + dir, "CREDHELPER_ETC=none"}}
}

// waits lists a call of each executable during which it waits. ask makes it write a line, if
// nothing else shows that it is waiting.
var waits = [...]struct {
	executable string
	args       []string
	ask        string
}{
	{"credhelper", []string{"get"}, ""},
	{"credhelper-engine", []string{"serve", "--stdio"}, `{"id":1,"profile":"nobody"}` + "\n"},
	{"credhelper-plugin", []string{"plugin"}, ""},
}

// eachWaiting runs a test with each executable while it waits, started as an ordinary user
// without a limit of the core size.
func eachWaiting(t *testing.T, test func(*testing.T, *program.Home, *exec.Cmd)) {
	for _, w := range waits {
		t.Run(w.executable, func(t *testing.T) {
			h := ordinaryHome(t)
			cmd := as(shell(t, h, `ulimit -S -c "$(ulimit -H -c)"; exec "$@"`, w.args...), ordinary)
			dir := sockets(t)
			if os.Geteuid() == 0 {
				if err := os.Chown(dir, ordinary, ordinary); err != nil {
					t.Fatal(err)
				}
			}
			_, der := certificate(t)
			cmd.Env = append(cmd.Env, hostEnviron(der, dir)...)
			in, errIn := cmd.StdinPipe()
			out, errOut := cmd.StdoutPipe()
			if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			defer func() {
				in.Close()
				_ = cmd.Process.Kill() // it may have ended
				_ = cmd.Wait()
			}()
			if w.executable == "credhelper" {
				waitForPoll(t, cmd.Process.Pid)
			} else {
				_, err := io.WriteString(in, w.ask)
				line, errLine := bufio.NewReader(out).ReadString('\n')
				if err := errors.Join(err, errLine); err != nil {
					t.Fatalf("%q, %v", line, err)
				}
			}
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
			if want := w.executable[:min(len(w.executable), 15)]; err != nil || strings.TrimSpace(string(name)) != want {
				t.Fatalf("%s waits, not %s: %v", name, want, err)
			}
			test(t, h, cmd)
		})
	}
}

// waitForPoll returns when the process is credhelper and waits for its request.
func waitForPoll(t *testing.T, pid int) {
	t.Helper()
	asleep := 0 // for this many polls; for kernels that do not say what a process waits for
	for range 60_000 {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if asleep++; !strings.Contains(string(stat), "(credhelper") || !strings.Contains(string(stat), ") S ") {
			asleep = 0
		}
		if asleep > 300 || asleep > 0 && strings.Contains(string(text), "poll") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("credhelper get does not wait for its request")
}

// TestNoCore (T9): killed by SIGABRT during a request, no executable leaves a core file,
// whatever the user's limit.
func TestNoCore(t *testing.T) {
	eachWaiting(t, func(t *testing.T, h *program.Home, process *exec.Cmd) {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", process.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(limits), "\n") {
			if fields := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && fields[4] != "0" {
				t.Errorf("soft core limit: %s", line)
			}
		}
		if err := process.Process.Signal(syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
		_ = process.Wait() // aborted, as it should be
		if process.ProcessState.Sys().(syscall.WaitStatus).CoreDump() {
			t.Error("a core was dumped")
		}
		if cores, _ := filepath.Glob(h.Dir + "/core*"); len(cores) != 0 {
			t.Errorf("cores: %v", cores)
		}
	})
}

// TestNoDebugger (T9): another process of the same user cannot attach to any executable, or
// read its memory or environment. It can do so with the user's sleep, which shows that the
// test would notice.
func TestNoDebugger(t *testing.T) {
	control := as(exec.Command(need(t, "sleep"), "60"), ordinary)
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = control.Process.Kill()
		_ = control.Wait()
	}()
	read := func(pid int, file string) error {
		cmd := as(exec.Command(need(t, "head"), "-c", "1", fmt.Sprintf("/proc/%d/%s", pid, file)), ordinary)
		out, err := cmd.Output()
		if err == nil && len(out) == 0 {
			err = errors.New("nothing read")
		}
		return err
	}
	if err := read(control.Process.Pid, "environ"); err != nil {
		t.Fatalf("the control's environment cannot be read: %v; the test is blind", err)
	}
	eachWaiting(t, func(t *testing.T, h *program.Home, process *exec.Cmd) {
		for _, file := range []string{"environ", "maps", "mem"} {
			if read(process.Process.Pid, file) == nil {
				t.Errorf("/proc/PID/%s can be read", file)
			}
		}
		gdb := as(exec.Command(need(t, "gdb"), "-nx", "-batch", "-p", fmt.Sprint(process.Process.Pid), "-ex", "info registers"), ordinary)
		gdb.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.Dir, "LC_ALL=C"}
		out, _ := gdb.CombinedOutput() // gdb's exit code means nothing
		if !strings.Contains(string(out), "Operation not permitted") || strings.Contains(string(out), "rip") {
			t.Errorf("gdb -p says: %s", out)
		}
	})
}

// TestOtherUser (T1): another user can read or write nothing that credhelper leaves,
// whatever the umask, even in a directory that everybody may enter.
func TestOtherUser(t *testing.T) {
	s := newServer(t)
	for _, umask := range []int{0, 0o022, 0o077} {
		t.Run(fmt.Sprintf("umask %03o", umask), func(t *testing.T) {
			old := syscall.Umask(umask)
			t.Cleanup(func() { syscall.Umask(old) })
			otherUser(t, s)
		})
	}
}

func otherUser(t *testing.T, s *server) {
	h := newHome(t, s)
	if _, err := h.Run("", "token", "jama"); err != nil {
		t.Fatal(err)
	}
	enterable(t, h.Dir)
	control(t, h.Dir)
	kept := 0
	for _, top := range []string{h.Dirs.State, h.Dirs.Data} {
		err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			kept++
			info, err := d.Info()
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s is %v", path, info.Mode())
			}
			if os.Geteuid() == 0 {
				strangers(t, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if kept < 8 {
		t.Errorf("only %d files and directories: the test is blind", kept)
	}
}

// control fails the test if another user cannot read even what everybody may read there.
func control(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "for-all")
	if err := errors.Join(os.WriteFile(path, []byte("for all"), 0o644), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if out, err := as(exec.Command(need(t, "cat"), path), stranger).Output(); err != nil || string(out) != "for all" {
		t.Fatalf("another user cannot enter %s: %v; the test is blind", dir, err)
	}
}

// strangers fails if another user can open path. Only root can become another user.
func strangers(t *testing.T, path string) {
	t.Helper()
	for _, call := range [][]string{{"ls", path}, {"cat", path}, {"touch", path}} {
		cmd := as(exec.Command(need(t, call[0]), call[1:]...), stranger)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Permission denied") {
			t.Errorf("another user: %s %s: %v %s", call[0], path, err, out)
		}
	}
}

// TestForeignHome: root with a user's HOME, as left by sudo, is refused before anything is
// created there; so is a user with somebody else's home.
func TestForeignHome(t *testing.T) {
	s := newServer(t)
	h := newHome(t, s)
	owner := ordinary
	call := h.Command("token", "jama")
	if os.Geteuid() == 0 {
		if err := os.Chown(h.Dir, owner, owner); err != nil {
			t.Fatal(err)
		}
	} else {
		// An ordinary user cannot give a directory away, so a directory of root's is used.
		call.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "CREDHELPER_HOME=/"}
	}
	r := finish(t, call)
	if r.code == 0 || r.stdout != "" {
		t.Errorf("%+v", r)
	}
	sane(t, "a home of somebody else", r)
	if os.Geteuid() == 0 && (r.code != 9 || !strings.Contains(r.stderr, "sudo")) {
		t.Errorf("exit %d, want 9 and a word about sudo: %s", r.code, r.stderr)
	}
}
