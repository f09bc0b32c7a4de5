//go:build unix

package logfile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/filelock"
)

const (
	writers   = 8
	turns     = 20
	perRound  = 40       // lines of each writer in a round; all of them are less than limit
	limit     = 64 << 10 // bytes
	writerLog = "CREDHELPER_TEST_LOG"
	writerWay = "CREDHELPER_TEST_LOG_WAY"
)

func newPath(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "log")
}

// TestEachLineOnce: eight processes, half of them with the log kept open, write while it
// is turned over twenty times. One who follows it, as tail -F does, sees each line once.
//
// There is at most one turn a round, so the follower misses no file, however slow it is.
func TestEachLineOnce(t *testing.T) {
	path := newPath(t)
	var all []*process
	for i := range writers {
		all = append(all, startWriter(t, path, i%2 == 0))
	}
	followed := follower{t: t, path: path, seen: map[string]int{}}
	rounds := 0
	for ; followed.turns < turns && rounds < 3*turns; rounds++ {
		for _, p := range all {
			p.begin()
		}
		for _, p := range all {
			p.end()
		}
		followed.catchUp()
	}
	if followed.turns < turns {
		t.Errorf("%d turns in %d rounds: the test is blind", followed.turns, rounds)
	}
	if want := writers * perRound * rounds; len(followed.seen) != want {
		t.Errorf("%d lines of %d", len(followed.seen), want)
	}
	for line, n := range followed.seen {
		if n != 1 {
			t.Errorf("%s: %d times", line, n)
		}
	}
}

// process is one writer: for each line on its stdin it writes perRound lines of the log,
// and says so.
type process struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

func startWriter(t *testing.T, path string, keepsOpen bool) *process {
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$", "-test.count=1")
	cmd.Env = append(os.Environ(), writerLog+"="+path, fmt.Sprint(writerWay, "=", keepsOpen))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &process{t, in, bufio.NewReader(out)}
}

func (p *process) begin() {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) end() {
	if line, err := p.out.ReadString('\n'); line != "written\n" {
		p.t.Fatalf("%q, %v", line, err)
	}
}

// TestWriterProcess is a writer; by itself it has nothing to do.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv(writerLog)
	if path == "" {
		return
	}
	kept := &Writer{Path: path}
	next := 0
	for in := bufio.NewReader(os.Stdin); ; {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		for range perRound {
			w := kept
			if os.Getenv(writerWay) != "true" {
				w = &Writer{Path: path}
			}
			line := Record{Event: "hit", Text: strings.Repeat("x", 80), Tries: next + 1}
			if err := w.Append(limit, line.By(Caller{PID: os.Getpid()}, time.Now())); err != nil {
				t.Fatal(err)
			}
			next++
		}
		fmt.Println("written")
	}
}

// follower reads the log as tail -F does.
type follower struct {
	t     *testing.T
	path  string
	file  *os.File
	turns int
	seen  map[string]int // by process and number
}

func (f *follower) catchUp() {
	f.t.Helper()
	if f.file != nil {
		f.read()
		there, err := os.Stat(f.path)
		if err != nil {
			f.t.Fatal(err)
		}
		if ours, err := f.file.Stat(); err != nil || os.SameFile(there, ours) {
			return
		}
		f.file.Close()
		f.turns++
	}
	var err error
	if f.file, err = os.Open(f.path); err != nil {
		f.t.Fatal(err)
	}
	f.read()
}

func (f *follower) read() {
	text, err := io.ReadAll(f.file)
	if err != nil || len(text) > 0 && text[len(text)-1] != '\n' {
		f.t.Fatalf("%v, or the last line has no end", err)
	}
	for line := range strings.Lines(string(text)) {
		var r Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			f.t.Fatalf("torn: %q: %v", line, err)
		}
		f.seen[fmt.Sprint(r.Caller.PID, " ", r.Tries)]++
	}
}

// TestCut: what a full disk left of a line is removed, if nobody wrote behind it or is
// writing; else it is ended, and costs no other line.
func TestCut(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, path string)
		want      string
	}{
		"alone":           {func(*testing.T, string) {}, "first\n"},
		"somebody wrote":  {func(t *testing.T, path string) { appendTo(t, path, "second\n") }, "first\nhalfsecond\n"},
		"somebody writes": {func(t *testing.T, path string) { holdShared(t, path) }, "first\nhalf\n"},
		"it was replaced": {func(t *testing.T, path string) { appendTo(t, path+".1", ""); _ = os.Rename(path+".1", path) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &Writer{Path: newPath(t)}
			if err := w.open(); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"first\n", "half"} {
				if n, err := appendOnce(w.file, []byte(text)); err != nil || n != len(text) {
					t.Fatalf("%d, %v", n, err)
				}
			}
			c.meanwhile(t, w.Path)
			w.cut(int64(len("half")))
			if text, err := os.ReadFile(w.Path); err != nil || string(text) != c.want {
				t.Errorf("%q, %v; want %q", text, err, c.want)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func holdShared(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if !lock(f, filelock.Shared) {
		t.Fatal("not locked")
	}
}

// TestErrors: what is in the log's place, or above it, is told with its path, and no
// descriptor is kept that a later line could go to.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	w := &Writer{Path: filepath.Join(dir, "state", "log")}
	if err := w.Append(limit, Record{}); err == nil || !strings.Contains(err.Error(), "state") {
		t.Errorf("no directory: %v", err)
	}
	if err := os.MkdirAll(w.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(limit, Record{}); err == nil || !strings.Contains(err.Error(), w.Path) {
		t.Errorf("a directory: %v", err)
	}
	if err := os.Remove(w.Path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second after somebody removed it
		if err := errors.Join(w.Append(limit, Record{}), w.Append(limit, Record{})); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(w.Path)
		if err != nil || strings.Count(string(text), "\n") != 2 {
			t.Errorf("%q, %v", text, err)
		}
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
	}
}
