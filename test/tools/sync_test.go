//go:build tools

package tools

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// syncWorld is an administrator's machine with credhelper and two profiles, for a Jama
// Connect and a Jira. jamaCalls and jiraCalls are called before the nth call is answered.
type syncWorld struct {
	*world
	command    []string
	page       string
	jama, jira *oauthtest.Server
	jamaCalls  func(n int)
	jiraCalls  func(n int)
}

// languages are the examples that do the same job without Go.
var languages = []struct {
	name    string
	command func(t *testing.T) []string
	serves  bool // runs credhelper serve
}{
	{"python", func(t *testing.T) []string {
		python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
		if err != nil {
			t.Fatal("python3 is missing")
		}
		return []string{strings.TrimSpace(string(python)), "-B", example(t, "python/sync.py")}
	}, true},
	{"node", func(t *testing.T) []string { return []string{"node", example(t, "node/sync.mjs")} }, true},
	{"sh", func(t *testing.T) []string { return []string{"sh", example(t, "sync.sh")} }, false},
}

func example(t *testing.T, name string) string { return absolute(t, "../../examples/"+name) }

// newSyncWorld makes one whose job requests 5 items at a time.
func newSyncWorld(t *testing.T, command []string, items int, lifetime time.Duration) *syncWorld {
	t.Helper()
	w := &syncWorld{world: newWorld(t), command: command, jamaCalls: func(int) {}, jiraCalls: func(int) {}}
	start := func(product string, calls *func(int)) *oauthtest.Server {
		return oauthtest.Start(t, oauthtest.Options{
			Product: product, Items: items, Lifetime: lifetime,
			Clients: []oauthtest.Client{{ID: "client", Secret: "s3cret"}},
			OnCall:  func(n int, _ oauthtest.Request) { (*calls)(n) },
		})
	}
	w.jama, w.jira = start("jama", &w.jamaCalls), start("jira-miniorange", &w.jiraCalls)
	add := []string{"--client-id", "client", "--secret-stdin", "--no-verify"}
	w.ok(input("s3cret"), append([]string{"credhelper", "add", "jama", "--preset", "jama", "--url", w.jama.URL()}, add...)...)
	w.ok(input("s3cret"), append([]string{"credhelper", "add", "jira", "--preset", "jira-miniorange", "--url", w.jira.URL(),
		"--set", "token_url=" + w.jira.TokenURL()}, add...)...)
	w.paged(5)
	return w
}

// paged sets how many items the job requests at a time: --page, or PAGE in the shell.
func (w *syncWorld) paged(size int) {
	w.page = strconv.Itoa(size)
	w.setenv("PAGE=" + w.page)
}

// sync runs the job.
func (w *syncWorld) sync(flags ...string) result {
	w.t.Helper()
	argv := append([]string{}, w.command...)
	if !strings.HasSuffix(argv[len(argv)-1], ".sh") && len(flags) == 0 {
		flags = []string{"--page", w.page}
	}
	r := w.run(nil, append(append(argv, flags...), w.jama.URL(), w.jira.URL())...)
	if strings.Contains(r.stdout+r.stderr, "s3cret") || strings.Contains(r.stdout+r.stderr, "eyJ") { // every token here begins so
		w.t.Errorf("a secret was written:\n%s%s", r.stdout, r.stderr)
	}
	return r
}

// once fails unless every item is in Jira exactly once.
func (w *syncWorld) once(items int) {
	w.t.Helper()
	if err := w.jira.CopiedOnce(items); err != nil {
		w.t.Fatal(err)
	}
}

// tokens fails unless the two token endpoints saw as many requests.
func (w *syncWorld) tokens(jama, jira int) {
	w.t.Helper()
	if gotJama, gotJira := w.jama.Count(), w.jira.Count(); gotJama != jama || gotJira != jira {
		w.t.Errorf("%d and %d token requests, want %d and %d", gotJama, gotJira, jama, jira)
	}
}

// engines returns the pids of the credhelpers that run in this world.
func (w *syncWorld) engines() (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		command, _ := os.ReadFile(path) // none of a process that has ended
		program, _, _ := bytes.Cut(command, []byte{0})
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && (string(program) == w.bin+"/credhelper-engine" || string(program) == w.bin+"/credhelper-plugin") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill ends every credhelper of this world without warning.
func (w *syncWorld) kill() {
	killed := 0
	for _, pid := range w.engines() {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	if killed != 1 {
		w.t.Errorf("%d credhelpers were killed", killed)
	}
}

// TestSync: each example copies every item to Jira once, writes only changed items again,
// and never calls Jama too fast.
func TestSync(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			w := newSyncWorld(t, l.command(t), 30, time.Hour)
			if l.serves {
				w.paged(2) // 15 calls of Jama, as fast as the job may
			}
			first := w.sync()
			t.Log(first.stderr)
			w.once(30)
			if err := w.jama.EditItem(1022); err != nil {
				t.Fatal(err)
			}
			second := w.sync()
			w.once(30)
			w.tokens(1, 1)
			for _, r := range []struct {
				result
				says string
			}{{first, " INFO  sync: 30 items: 30 created, 0 updated\n"}, {second, " INFO  sync: 30 items: 0 created, 1 updated\n"}} {
				if r.code != 0 || r.stdout != "" || !strings.HasSuffix(r.stderr, r.says) || strings.Count(r.stderr, "\n") != 1 {
					t.Errorf("exit %d, %q, %q; want %q", r.code, r.stdout, r.stderr, r.says)
				}
			}
			if n := w.jama.Answered()[429]; n != 0 {
				t.Errorf("Jama answered 429 %d times: the pace is too fast", n)
			}
			if got := w.jira.Issues()[21]; got.Summary != "DEMO-REQ-22 Requirement 22, revision 2" || got.Updates != 1 ||
				got.Description != "Kept in Jama Connect: "+w.jama.URL()+"/perspective.req#/items/1022?projectId=1" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestSyncSurvives: what goes wrong during a run does not show in its result. With 10 items
// Jama is called twice, Jira 12 times.
func TestSyncSurvives(t *testing.T) {
	at := func(n int, do func()) func(int) {
		return func(call int) {
			if call == n {
				do()
			}
		}
	}
	for _, c := range []struct {
		name       string
		breaks     func(w *syncWorld)
		jama, jira int // token requests
	}{
		{"revoked at Jama", func(w *syncWorld) { w.jamaCalls = at(2, func() { w.outlived("jama"); w.jama.RevokeAll() }) }, 2, 1},
		// Jira answers a search with an invalid token as if it were anonymous: 200 and no
		// items.
		{"revoked before a search", func(w *syncWorld) { w.jiraCalls = at(7, func() { w.outlived("jira"); w.jira.RevokeAll() }) }, 1, 2},
		{"revoked before an issue is made", func(w *syncWorld) { w.jiraCalls = at(9, func() { w.outlived("jira"); w.jira.RevokeAll() }) }, 1, 2},
		// The new secret needs no restart of the job.
		{"secret rotated", func(w *syncWorld) {
			w.jiraCalls = at(9, func() {
				w.jira.SetClient(oauthtest.Client{ID: "client", Secret: "n3w-s3cret"})
				w.jira.RevokeAll()
				w.ok(input("n3w-s3cret"), "credhelper", "rotate", "jira", "--secret-stdin")
			})
		}, 1, 2},
		{"Jama asks for patience", func(w *syncWorld) { w.jamaCalls = at(2, func() { w.jama.Throttle(0) }) }, 1, 1},
		{"Jira asks for patience", func(w *syncWorld) { w.jiraCalls = at(9, func() { w.jira.Throttle(time.Second) }) }, 1, 1},
		{"credhelper killed", func(w *syncWorld) { w.jiraCalls = at(9, w.kill) }, 1, 1},
	} {
		for _, l := range languages {
			t.Run(c.name+"/"+l.name, func(t *testing.T) {
				w := newSyncWorld(t, l.command(t), 10, time.Hour)
				c.breaks(w)
				r := w.sync()
				if c.name == "credhelper killed" && !l.serves {
					// curl runs below credhelper, and nobody can know whether its call was
					// carried out: the run ends, and the next one checks.
					if r.code == 0 {
						t.Error("a call without an answer was taken for done")
					}
					r = w.sync()
				}
				if r.code != 0 {
					t.Errorf("exit %d: %s", r.code, r.stderr)
				}
				w.once(10)
				w.tokens(c.jama, c.jira)
			})
		}
	}
}

// TestSyncExpiry: tokens of three seconds expire during a run, and new ones are used.
func TestSyncExpiry(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			w := newSyncWorld(t, l.command(t), 10, 3*time.Second)
			w.jiraCalls = func(int) { time.Sleep(400 * time.Millisecond) } // 12 calls: 5 s
			began := time.Now()
			if r := w.sync(); r.code != 0 {
				t.Errorf("exit %d: %s", r.code, r.stderr)
			}
			w.once(10)
			if n, took := w.jira.Count(), time.Since(began); n < 2 || n > 2+int(took/time.Second) {
				t.Errorf("%d token requests in %v", n, took)
			}
		})
	}
}

// TestSyncEvery: a job that runs for ever repeats a failed run, ends when it is told to, and
// leaves no credhelper behind.
func TestSyncEvery(t *testing.T) {
	for _, l := range languages {
		if !l.serves {
			continue // cron starts it each time
		}
		t.Run(l.name, func(t *testing.T) {
			w := newSyncWorld(t, l.command(t), 3, time.Hour)
			w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret", Barred: true})
			var job *exec.Cmd
			w.jamaCalls = func(n int) {
				switch n {
				case 2: // the second run: the administrator has allowed the API
					w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret"})
					w.outlived("jama")
					w.jama.RevokeAll()
				case 4:
					_ = job.Process.Signal(syscall.SIGTERM)
				}
			}
			r := w.run(func(c *exec.Cmd) { job = c }, append(l.command(t), "--every", "0.1", w.jama.URL(), w.jira.URL())...)
			w.once(3)
			for _, text := range []string{"(HTTP 403): This user is not permitted to use the API; see why", "3 items: 3 created, 0 updated\n"} {
				if !strings.Contains(r.stderr, text) {
					t.Errorf("no %q in %q", text, r.stderr)
				}
			}
			for end := time.Now().Add(time.Minute); len(w.engines()) > 0; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("credhelper outlives its host")
				}
			}
		})
	}
}

// TestSyncConnection: what an administrator reads when the connection is tested: the account
// in each system, or what is wrong and what to type next.
func TestSyncConnection(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(w *syncWorld)
		code   int
		says   []string
	}{
		{"well", func(*syncWorld) {}, 0, nil},
		{"wrong secret", func(w *syncWorld) { w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "other"}) }, 7,
			[]string{" ERROR Jama Connect http://", "invalid_client", "credhelper rotate jama"}},
		{"no right to the API", func(w *syncWorld) { w.jama.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret", Barred: true}) }, 11,
			[]string{"the API does not let this account do that (HTTP 403): This user is not permitted to use the API; see why: credhelper test jama\n"}},
		{"nobody Jira knows", func(w *syncWorld) { w.jira.SetClient(oauthtest.Client{ID: "client", Secret: "s3cret", NoUser: true}) }, 1,
			[]string{" ERROR Jira http://", "(HTTP 400): No user found with this username/email address [X-AREQUESTID ", "see why: credhelper test jira\n"}},
	} {
		for _, l := range languages {
			t.Run(c.name+"/"+l.name, func(t *testing.T) {
				w := newSyncWorld(t, l.command(t), 3, time.Hour)
				c.breaks(w)
				r := w.sync("--test")
				if r.code != c.code {
					t.Errorf("exit %d, want %d", r.code, c.code)
				}
				for _, text := range c.says {
					if !strings.Contains(r.stderr, text) {
						t.Errorf("no %q in %q", text, r.stderr)
					}
				}
				lines, want := strings.Count(r.stderr, "\n"), 2
				if c.says != nil {
					want = 1
				}
				if lines != 2-want || strings.Count(r.stdout, "connected as") != want {
					t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
				}
				if c.says == nil {
					well := "Jama Connect " + w.jama.URL() + ": connected as James Example (james)\nJira " + w.jira.URL() + ": connected as Anna Example (anna)\n"
					if r.stdout != well {
						t.Errorf("%q, want %q", r.stdout, well)
					}
				}
			})
		}
	}
}
