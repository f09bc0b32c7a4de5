//go:build linux

package main_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// jamaHome makes a home with the profile jama, at a server that plays Jama Connect.
func jamaHome(t *testing.T) (*program.Home, *oauthtest.Server) {
	t.Helper()
	server := oauthtest.Start(t, oauthtest.Options{Product: "jama"})
	h := program.TestHome(t, bin)
	if _, err := h.Run("secret", "add", "jama", "--preset", "jama", "--url", server.APIURL(), "--client-id", "client", "--secret-stdin", "--no-verify"); err != nil {
		t.Fatal(err)
	}
	return h, server
}

// atDoor is a running "credhelper exec jama --door -- sh -c SCRIPT".
type atDoor struct {
	cmd   *exec.Cmd
	stdin *os.File // the script goes on with each line, and ends with it
	ended chan struct{}
	dir   string            // where its scripts run
	pid   int               // of the command
	vars  map[string]string // of the command
	out   bytes.Buffer      // of stdout and stderr, once it has ended
}

// askUser is a program that prints the status of the API's answer to the variables of a
// door: 000 if there is none.
const askUser = `curl -s -o /dev/null -w '%{http_code}\n' -u "$OAUTH_CLIENT_ID:$OAUTH_CLIENT_SECRET" "$API_BASE_URL` + jamaUser + `"`

// orphan is a program that asks once its parent, LEAVES, has ended.
const orphan = `while test "$(awk '{print $4}' /proc/$$/stat)" = "$LEAVES"; do sleep 0.05; done
` + askUser + ` >orphan.new; mv orphan.new orphan`

// runAtDoor starts a script, which waits for resume.
func runAtDoor(t *testing.T, h *program.Home, script string) *atDoor {
	t.Helper()
	d := &atDoor{dir: t.TempDir(), ended: make(chan struct{}), vars: map[string]string{}}
	for name, text := range map[string]string{"ask.sh": askUser, "orphan.sh": orphan, "script.sh": script} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.cmd = h.Command("exec", "jama", "--door", "--", "sh", "-c", `echo $$ >pid; read go && . ./script.sh`)
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = d.dir, &d.out, &d.out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a job of its own, as by a shell
	d.cmd.WaitDelay = time.Second                           // a program in the background may have them
	stdin, ours, err := os.Pipe()                           // a pipe of d.cmd would end with credhelper
	if err != nil {
		t.Fatal(err)
	}
	d.stdin, d.cmd.Stdin = ours, stdin
	t.Cleanup(func() { ours.Close() })
	err = d.cmd.Start()
	stdin.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.ended) }()
	t.Cleanup(func() { _ = d.cmd.Process.Kill(); <-d.ended })
	d.pid, _ = strconv.Atoi(d.await(t, "pid"))
	for entry := range strings.SplitSeq(string(read(t, "/proc/"+strconv.Itoa(d.pid)+"/environ")), "\x00") {
		if name, value, _ := strings.Cut(entry, "="); name != "" {
			d.vars[name] = value
		}
	}
	if !strings.HasPrefix(d.vars["OAUTH_CLIENT_SECRET"], "chl_") {
		t.Fatalf("the command has no door: %v", d.vars)
	}
	return d
}

// await waits until a script has written a line into a file, and returns it.
func (d *atDoor) await(t *testing.T, name string) string {
	t.Helper()
	for {
		ended := false
		select {
		case <-d.ended:
			ended = true
		case <-time.After(20 * time.Millisecond):
		}
		if line, whole := strings.CutSuffix(string(read(t, filepath.Join(d.dir, name))), "\n"); whole {
			return line
		}
		if ended {
			t.Fatalf("credhelper ended before %s: %s", name, d.out.String())
		}
	}
}

// resume lets the script go on, if it lives.
func (d *atDoor) resume() { _, _ = io.WriteString(d.stdin, "go\n") }

// code waits for credhelper's end and returns its exit code.
func (d *atDoor) code() int { <-d.ended; return d.cmd.ProcessState.ExitCode() }

// open reports whether something listens at the door's address.
func (d *atDoor) open() bool {
	c, err := net.Dial("tcp", strings.TrimPrefix(d.vars["API_BASE_URL"], "http://"))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// stolen asks as another program of ours that has read the command's variables.
func (d *atDoor) stolen(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", askUser)
	for name, value := range d.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return strings.TrimSpace(finish(t, cmd).stdout)
}

// runs reports whether a process has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestExecDoorStolen (D2): another program of the same user that has read the command's
// variables from /proc gets not a byte, while the command itself and what it has put into
// the background are answered.
func TestExecDoorStolen(t *testing.T) {
	h, server := jamaHome(t)
	d := runAtDoor(t, h, `sh ask.sh >own
		sh -c 'LEAVES=$$ setsid sh orphan.sh &'
		read end`)
	if got := d.stolen(t); got != "000" || len(server.Calls()) != 0 {
		t.Errorf("with stolen variables: %s, %d calls of the API", got, len(server.Calls()))
	}
	d.resume()
	for who, file := range map[string]string{"the command": "own", "its program in the background": "orphan"} {
		if got := d.await(t, file); got != "200" {
			t.Errorf("%s got %s", who, got)
		}
	}
	if got := d.stolen(t); got != "000" {
		t.Errorf("with stolen variables, later: %s", got)
	}
	log := finish(t, h.Command("log", "--event", "guest", "--json")).stdout
	if !strings.Contains(log, errNotServed) || strings.Contains(log, d.vars["OAUTH_CLIENT_SECRET"]) {
		t.Errorf("the log: %s", log)
	}
}

// errNotServed is what the log says of a program that a door does not serve.
const errNotServed = "the other end is not one of the door's users"

// TestExecDoorEnds: the door ends with its command, also if that is killed, and the command
// with its door. What the command leaves in the background lives on, without a door.
// Nothing stays on the disk.
func TestExecDoorEnds(t *testing.T) {
	h, _ := jamaHome(t)
	d := runAtDoor(t, h, `sleep 100 >/dev/null 2>&1 & echo $! >left; exit 7`)
	d.resume()
	code := d.code()
	left, _ := strconv.Atoi(d.await(t, "left"))
	if code != 7 || !runs(left) || d.open() {
		t.Errorf("code %d, the program in the background lives: %v, the door is open: %v", code, runs(left), d.open())
	}
	_ = syscall.Kill(left, syscall.SIGKILL)
	files := homeFiles(t, h)

	d = runAtDoor(t, h, "")
	_ = syscall.Kill(d.pid, syscall.SIGKILL)
	if code := d.code(); code != 137 || d.open() {
		t.Errorf("kill -9 of the command: code %d, the door is open: %v", code, d.open())
	}

	d = runAtDoor(t, h, "echo >outlived")
	_ = d.cmd.Process.Kill()
	d.code()
	d.resume()
	for runs(d.pid) {
		time.Sleep(10 * time.Millisecond)
	}
	outlived := len(read(t, filepath.Join(d.dir, "outlived"))) > 0
	if now := homeFiles(t, h); outlived || d.open() || now != files {
		t.Errorf("kill -9: the command goes on: %v; the door is open: %v; files:\n%s\nbefore:\n%s", outlived, d.open(), now, files)
	}
}

// state returns the state of a process: T if it is stopped (proc_pid_stat(5)).
func state(t *testing.T, pid int) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(read(t, "/proc/"+strconv.Itoa(pid)+"/stat")), ") ")
	return rest[:1]
}

// TestExecDoorStops: Ctrl-Z, which the terminal sends to the whole job, and kill -TSTP of
// credhelper alone stop the command and its door, and both go on together. A command that
// does not let itself be stopped keeps its door.
func TestExecDoorStops(t *testing.T) {
	h, _ := jamaHome(t)
	d := runAtDoor(t, h, `while read go; do sh ask.sh >asked.new; mv asked.new asked; done`)
	d.resume()
	door := d.cmd.Process.Pid
	for name, to := range map[string]int{"the job": -door, "credhelper": door} {
		_ = syscall.Kill(to, syscall.SIGTSTP)
		for began := time.Now(); state(t, door) != "T" || state(t, d.pid) != "T"; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("%s was stopped: the door is %s, the command %s", name, state(t, door), state(t, d.pid))
			}
		}
		_ = syscall.Kill(to, syscall.SIGCONT)
		d.resume()
		if got := d.await(t, "asked"); got != "200" {
			t.Errorf("%s went on: %s", name, got)
		}
		if err := os.Remove(filepath.Join(d.dir, "asked")); err != nil {
			t.Fatal(err)
		}
	}
	d.stdin.Close()
	d.code()

	d = runAtDoor(t, h, `trap '' TSTP; echo >deaf; read go; sh ask.sh >asked`)
	d.resume()
	d.await(t, "deaf")
	_ = syscall.Kill(d.cmd.Process.Pid, syscall.SIGTSTP)
	d.resume()
	if got := d.await(t, "asked"); got != "200" {
		t.Errorf("a command that goes on: %s", got)
	}
}

// homeFiles lists the files of a home.
func homeFiles(t *testing.T, h *program.Home) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(h.Dir, func(path string, _ os.DirEntry, err error) error {
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}
