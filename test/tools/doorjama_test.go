//go:build tools

package tools

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// debianPython has Debian's packages. The python3 in PATH may be another one.
const debianPython = "/usr/bin/python3"

// jamaDoor is a door, a Jama, and a program with one client object that knows only the
// door's address, an id and a secret.
type jamaDoor struct {
	*door
	jama *oauthtest.Server
	g    guest

	process *exec.Cmd
	in      io.Writer
	out     *bufio.Reader
}

const jamaSecret = "s3cret-of-jama"

// jamaServer starts a Jama.
func jamaServer(t *testing.T, address, secret string) *oauthtest.Server {
	t.Helper()
	return oauthtest.Start(t, oauthtest.Options{Product: "jama", Address: address, Clients: []oauthtest.Client{{ID: "client", Secret: secret}}})
}

func newJamaDoor(t *testing.T, lifetime time.Duration) *jamaDoor {
	t.Helper()
	w := newWorld(t)
	j := &jamaDoor{jama: jamaServer(t, "", jamaSecret)}
	j.jama.SetLifetime(lifetime)
	w.ok(input(jamaSecret), "credhelper", "add", "jama", "--preset", "jama", "--url", j.jama.URL(),
		"--client-id", "client", "--secret-stdin", "--no-verify")
	j.door = w.door()
	j.g = j.lend("jama", "jci")
	return j
}

// connect starts the program; way is oauth or basic.
func (j *jamaDoor) connect(way string) {
	j.t.Helper()
	cmd := exec.Command(debianPython, "-B", testdata(j.t, "jama.py"), j.g.URL, way)
	cmd.Env = append(j.env, "ID="+j.g.ID, "SECRET="+j.g.Secret)
	in, err := cmd.StdinPipe()
	if err != nil {
		j.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		j.t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	j.process, j.in, j.out = cmd, in, bufio.NewReader(out)
	j.t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
}

// projects makes one call of the object, and returns its result and the lines of its log.
func (j *jamaDoor) projects() (result, log string) {
	j.t.Helper()
	fmt.Fprintln(j.in)
	for {
		line, err := j.out.ReadString('\n')
		if err != nil {
			j.t.Fatalf("the program has ended: %v, %s", err, log)
		}
		text, isLog := strings.CutPrefix(line, "log: ")
		if !isLog {
			return strings.TrimSpace(line), log
		}
		log += text
	}
}

// well fails unless a call succeeds, without a word in the log.
func (j *jamaDoor) well(when string) {
	j.t.Helper()
	if result, log := j.projects(); result != "['Demonstration']" || log != "" {
		j.t.Errorf("%s: %s; log: %q", when, result, log)
	}
}

// revoke revokes Jama's tokens, the last of which becomes some minutes old.
func (j *jamaDoor) revoke() {
	j.outlived("jama")
	j.jama.RevokeAll()
}

// TestDoorJama: one client object lives through what befalls a token, the door and Jama,
// and says in its log what credhelper says. Neither Jama's secret nor its token ever
// reaches the program.
func TestDoorJama(t *testing.T) {
	for _, way := range []string{"oauth", "basic"} {
		t.Run(way, func(t *testing.T) {
			j := newJamaDoor(t, 3*time.Second)
			j.connect(way)
			j.well("at first")
			j.jama.SetLifetime(time.Hour)
			before := j.jama.Count()
			time.Sleep(3100 * time.Millisecond)
			j.well("after the token's end")
			if n := j.jama.Count() - before; n != 1 {
				t.Errorf("%d token requests for the next token", n)
			}
			j.revoke()
			j.well("after a revocation at Jama")
			j.jama.Throttle(0)
			j.well("after a 429")
			j.jama.SetClient(oauthtest.Client{ID: "client", Secret: jamaSecret + "-2"})
			j.revoke()
			j.ok(input(jamaSecret+"-2"), "credhelper", "rotate", "jama", "--secret-stdin")
			j.well("after a rotation")
			j.kill()
			j.start()
			j.well("after kill -9 of the door")

			address := strings.TrimPrefix(j.jama.URL(), "http://")
			j.jama.Close()
			if result, log := j.projects(); result != "Failure(502)" || log != "502 Server error. Bad Gateway\n" {
				t.Errorf("without a Jama: %s, %s", result, log)
			}
			j.jama = jamaServer(t, address, jamaSecret+"-2")
			j.outlived("jama")
			j.well("after an outage of Jama")
			j.holdsNothing()

			j.jama.SetClient(oauthtest.Client{ID: "client", Secret: "another"})
			j.revoke()
			result, log := j.projects()
			if result != "Failure(403)" || !strings.Contains(log, "Message: credhelper: ") || !strings.Contains(log, "credhelper rotate jama") {
				t.Errorf("when Jama's secret has ended: %s, %s", result, log)
			}
			t.Log(log)
		})
	}
}

// holdsNothing fails if Jama's secret or a token of Jama's is in the program's memory.
func (j *jamaDoor) holdsNothing() {
	j.t.Helper()
	memory := memoryOf(j.t, j.process.Process.Pid)
	if !bytes.Contains(memory, []byte(j.g.Secret)) {
		j.t.Error("its own secret is not in its memory: this test is blind")
	}
	for _, text := range []string{jamaSecret, "eyJhbGciOiJub25l"} { // every token here begins so
		if bytes.Contains(memory, []byte(text)) {
			j.t.Errorf("%q is in the program's memory", text)
		}
	}
}

// memoryOf returns what a process may write to in its memory.
func memoryOf(t *testing.T, pid int) (all []byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		part := make([]byte, to-from)
		n, _ := memory.ReadAt(part, from)
		all = append(all, part[:n]...)
	}
	return all
}

// TestDoorOAuthlib: requests-oauthlib sends id and secret as Basic, by https alone unless
// it is told that http is meant.
func TestDoorOAuthlib(t *testing.T) {
	d, site := doorTo(t, hello)
	g := d.lend("work", "app")
	out := d.ok(with("ID="+g.ID, "SECRET="+g.Secret, "OAUTHLIB_INSECURE_TRANSPORT=1"), debianPython, "-B", testdata(t, "token_client.py"), g.TokenURL, g.URL+"/x")
	if !strings.HasSuffix(strings.TrimSpace(out), " hello") {
		t.Errorf("%q", out)
	}
	t.Log("requests-oauthlib", out)
	site.served(t)
	d.requests(1)
}
