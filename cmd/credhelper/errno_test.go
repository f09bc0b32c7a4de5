//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
)

// TestDiskFull (F2): if nothing can be written any more, a fresh token is still given, with
// a warning, and the cache stays intact.
func TestDiskFull(t *testing.T) {
	if elsewhere(t) {
		return
	}
	for _, errno := range []string{"ENOSPC", "EDQUOT", "EIO", "EROFS"} {
		for _, inject := range []string{"renameat,renameat2,rename", "fchmod"} {
			s := newServer(t)
			h := warmHome(t, s)
			cmd := traced(t, h, filepath.Join(t.TempDir(), "log"), []string{"-e", "inject=" + inject + ":error=" + errno}, "token", "jama", "--refresh")
			stillAnswers(t, errno+" on "+inject, s, finish(t, cmd))
			wholeAgain(t, errno+" on "+inject, s, h.Command("token", "jama"))
		}
	}
}

// TestFileTooLarge (F2, F3): a limit on file sizes fails every write to disk; the token is
// still given.
func TestFileTooLarge(t *testing.T) {
	s := newServer(t)
	h := warmHome(t, s)
	inner := h.Command("token", "jama", "--refresh")
	inner.Args = append([]string{"prlimit", "--fsize=0"}, inner.Args...)
	inner.Path = need(t, "prlimit")
	stillAnswers(t, "no file may grow", s, finish(t, inner))
	wholeAgain(t, "no file may grow", s, h.Command("token", "jama"))
}

func stillAnswers(t *testing.T, what string, s *server, r result) {
	t.Helper()
	if r.code != 0 || !s.knows(r.token()) {
		t.Errorf("%s: exit %d, token of %d bytes, %s", what, r.code, len(r.token()), r.stderr)
	}
	if !strings.HasPrefix(r.stderr, "credhelper: ") {
		t.Errorf("%s: no warning: %q", what, r.stderr)
	}
	quiet(t, what, r)
}

// aWrite matches a line of strace's log on which a thread begins a write.
var aWrite = regexp.MustCompile(`^(\d+) +write\((\d+<[^>]*>)`)

var anyNumber = regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f]*`)

// TestWriteErrors (F2, F3, R7): any single write that fails or is cut short either does not
// affect the answer or leads to a clean failure. strace's log shows which write it was.
func TestWriteErrors(t *testing.T) {
	if elsewhere(t) {
		return
	}
	faults := []string{"error=ENOSPC", "error=EDQUOT", "error=EIO", "error=EROFS", "retval=10"}
	most := 12
	if testing.Short() {
		faults, most = faults[:1], 6
	}
	s := newServer(t)
	h := warmHome(t, s)
	onFiles, onAnswer := 0, 0
	hit, said := map[string]int{}, map[string]int{} // for the failure message below
	// Threads differ from run to run, and strace counts per thread, so this repeats, with
	// fewer threads, until both kinds were hit.
	for round := 0; round == 0 || round < 10 && (onFiles == 0 || onAnswer == 0); round++ {
		if round > 0 {
			h.Env = append(h.Env, "GOMAXPROCS=1")
		}
		for _, fault := range faults {
			for n := 1; n <= most; n++ {
				what := fmt.Sprintf("write %d: %s", n, fault)
				forgetRefusals(t, h)
				r, paths := injectWrite(t, h, fault, n)
				for _, path := range paths {
					hit[anyNumber.ReplaceAllString(path, "N")]++
				}
				said[anyNumber.ReplaceAllString(r.stderr, "N")]++
				switch kind := writeKind(paths, h.Dirs.Run(), h.Dirs.Locks()); {
				case kind == "runtime": // Go's own, which ends a program that cannot wake its poller
					continue
				case kind == "stderr": // why it failed could not be said
				case kind == "answer":
					onAnswer++
					if r.code == 0 {
						t.Errorf("%s on stdout, yet exit 0", what)
					}
				case kind == "file" && !strings.HasPrefix(fault, "retval"):
					onFiles++
					stillAnswers(t, what, s, r)
				case r.code != 0:
					sane(t, what, r)
				case !s.knows(r.token()):
					t.Errorf("%s: exit 0 with a token of %d bytes", what, len(r.token()))
				}
				quiet(t, what, r)
				wholeAgain(t, what, s, h.Command("token", "jama"))
			}
		}
	}
	if onFiles == 0 || onAnswer == 0 {
		t.Errorf("%d writes to files and %d to stdout were hit: the test is blind: hit %v, said %v", onFiles, onAnswer, hit, said)
	}
}

// forgetRefusals drops remembered refusals: a truncated request is a malformed one, after
// which the server would not be asked for a while.
func forgetRefusals(t *testing.T, h *program.Home) {
	t.Helper()
	marks, err := filepath.Glob(h.Dirs.Run() + "/m-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, mark := range marks {
		if err := os.Remove(mark); err != nil {
			t.Fatal(err)
		}
	}
}

// injectWrite makes the n-th write of each thread fail, and returns what it was on:
// "NUMBER<PATH>".
func injectWrite(t *testing.T, h *program.Home, fault string, n int) (r result, on []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	r = finish(t, traced(t, h, log, []string{"-e", "trace=write", "-e", fmt.Sprintf("inject=write:%s:when=%d", fault, n)}, "token", "jama", "--refresh"))
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	writing := map[string]string{} // thread to descriptor: strace may split a call into two lines
	for _, line := range strings.Split(string(content), "\n") {
		if m := aWrite.FindStringSubmatch(line); m != nil {
			writing[m[1]] = m[2]
		}
		if thread, _, _ := strings.Cut(line, " "); strings.HasSuffix(line, "(INJECTED)") {
			on = append(on, writing[thread])
		}
	}
	return r, on
}

// writeKind returns the most important kind of write that was hit: Go's own descriptors,
// stderr, the answer, a file of the cache. The log is of no concern to a caller.
func writeKind(on []string, run, locks string) string {
	kind := ""
	for _, descriptor := range on {
		switch {
		case strings.Contains(descriptor, "eventfd"):
			return "runtime"
		case strings.HasPrefix(descriptor, "2<"):
			return "stderr"
		case strings.HasPrefix(descriptor, "1<"):
			kind = "answer"
		case (strings.Contains(descriptor, "socket:") || strings.Contains(descriptor, "TCP:")) && kind != "answer": // the request itself, besides what else was hit
			kind = "request"
		case (strings.Contains(descriptor, run) || strings.Contains(descriptor, locks)) && kind == "":
			kind = "file"
		}
	}
	return kind
}

// errors and calls are the matrix. Each command meets each of them at its first and at a
// later occurrence.
var (
	matrixErrors = []string{"EACCES", "EPERM", "ENOENT", "ENOSPC", "EIO", "EROFS", "ELOOP", "ENAMETOOLONG", "EMFILE", "ENFILE", "ENOMEM", "EINTR"}
	matrixCalls  = []string{"openat", "read", "close", "newfstatat", "fstat", "flock", "renameat", "fchmod", "connect", "socket", "keyctl", "add_key", "unlinkat", "getrandom"}
	matrixRuns   = []struct {
		args  []string
		stdin string
	}{
		{[]string{"token", "jama"}, ""},
		{[]string{"token", "jama", "--refresh"}, ""},
		{[]string{"reject", "jama"}, "some-refused-token"},
		{[]string{"status"}, ""},
	}
)

// TestErrnoMatrix (F5): whatever error the system returns from whatever call, the program
// ends with an answer or a clean failure, and works again afterwards.
func TestErrnoMatrix(t *testing.T) {
	if elsewhere(t) {
		return
	}
	occurrences, every := []int{1, 3, 7}, 2
	if testing.Short() {
		every = 40
	}
	s := newServer(t)
	h := warmHome(t, s)
	runs := 0
	for i, call := range matrixCalls {
		for j, errno := range matrixErrors {
			for k, run := range matrixRuns {
				// Every combination of call and error, and of call and command, occurs.
				if (i*len(matrixErrors)+j+k)%every != 0 {
					continue
				}
				at := occurrences[(i+j+k)%len(occurrences)]
				what := fmt.Sprintf("%s at %s %d of %s", errno, call, at, strings.Join(run.args, " "))
				cmd := traced(t, h, filepath.Join(t.TempDir(), "log"),
					[]string{"-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, at)}, run.args...)
				cmd.Stdin = strings.NewReader(run.stdin)
				r := finish(t, cmd)
				runs++
				quiet(t, what, r)
				switch {
				case r.code == 0 && run.args[0] == "token" && !s.knows(r.token()):
					t.Errorf("%s: exit 0 with a token of %d bytes", what, len(r.token()))
				case r.code != 0:
					if run.args[0] == "status" {
						r.stdout = "" // it reports what it can, and fails for the rest
					}
					sane(t, what, r)
				}
				wholeAgain(t, what, s, h.Command("token", "jama"))
			}
		}
	}
	t.Logf("%d runs", runs)
}

// TestCrossDevice (F6): if rename fails because it is across devices, the token is given and
// the temporary file is removed.
func TestCrossDevice(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := warmHome(t, s)
	r := finish(t, traced(t, h, filepath.Join(t.TempDir(), "log"), []string{"-e", "inject=renameat,renameat2,rename:error=EXDEV"}, "token", "jama", "--refresh"))
	stillAnswers(t, "EXDEV", s, r)
	if left, _ := filepath.Glob(h.Dirs.Run() + "/.tmp-*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestNoLocks (F17): on a file system without working locks the program either says so or
// fetches; it never hangs, and no file is torn.
func TestNoLocks(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := warmHome(t, s)
	for _, errno := range []string{"ENOLCK", "EOPNOTSUPP", "ENOSYS"} {
		r := finish(t, traced(t, h, filepath.Join(t.TempDir(), "log"), []string{"-e", "inject=flock:error=" + errno}, "token", "jama", "--refresh"))
		if r.code != 0 {
			sane(t, errno, r)
		} else if !s.knows(r.token()) {
			t.Errorf("%s: exit 0 with a token of %d bytes", errno, len(r.token()))
		}
		wholeAgain(t, errno, s, h.Command("token", "jama"))
	}
}
