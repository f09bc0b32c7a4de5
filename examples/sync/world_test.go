//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// bin is the directory with the executables, built once.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	bin = os.Getenv("CREDHELPER_TEST_BIN")
	if bin == "" {
		dir, err := os.MkdirTemp("", "sync")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = dir
		if err := program.Build(bin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// world is an administrator's machine with credhelper and both profiles, a Jama
// and a Jira. jamaCalls and jiraCalls are called before the nth call is answered.
type world struct {
	t          *testing.T
	home       *program.Home
	jama, jira *oauthtest.Server
	jamaCalls  func(n int)
	jiraCalls  func(n int)
	log        lockedLog
}

// lockedLog is the job's stderr: the job and its plugin's warnings write to it.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t *testing.T, items int, lifetime time.Duration) *world {
	t.Helper()
	w := &world{t: t, jamaCalls: func(int) {}, jiraCalls: func(int) {}}
	start := func(product string, calls *func(int)) *oauthtest.Server {
		return oauthtest.Start(t, oauthtest.Options{
			Product: product, Items: items, Lifetime: lifetime,
			Clients: []oauthtest.Client{{ID: "client", Secret: "s3cret"}},
			OnCall:  func(n int, _ oauthtest.Request) { (*calls)(n) },
		})
	}
	w.jama, w.jira = start("jama", &w.jamaCalls), start("jira-miniorange", &w.jiraCalls)
	w.home = program.TestHome(t, bin)
	w.must("s3cret", "add", "jama", "--preset", "jama", "--url", w.jama.URL(), "--client-id", "client", "--secret-stdin", "--no-verify")
	w.must("s3cret", "add", "jira", "--preset", "jira-miniorange", "--url", w.jira.URL(), "--client-id", "client", "--secret-stdin", "--no-verify",
		"--set", "token_url="+w.jira.TokenURL())
	t.Setenv("CREDHELPER_HOME", w.home.Dir)
	t.Setenv("HOME", w.home.Dir)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return w
}

// must calls credhelper as the administrator does.
func (w *world) must(stdin string, args ...string) {
	w.t.Helper()
	if _, err := w.home.Run(stdin, args...); err != nil {
		w.t.Fatal(err)
	}
}

// sync runs the job in this process, with the real credhelper as its plugin.
func (w *world) sync(args ...string) (stdout string, err error) {
	w.t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = run(ctx, append(args, w.jama.URL(), w.jira.URL()), &out, &w.log)
	return out.String(), err
}

// revoke ends the tokens of a system, and makes them older: a refused token that was
// fetched less than a minute ago is not replaced.
func (w *world) revoke(profile string, s *oauthtest.Server) {
	if err := w.home.Age(profile, 2*time.Minute); err != nil {
		w.t.Error(err)
	}
	s.RevokeAll()
}

// once fails unless every item is in Jira exactly once, as it is in Jama.
func (w *world) once(items int) {
	w.t.Helper()
	if err := w.jira.CopiedOnce(items); err != nil {
		w.t.Fatal(err)
	}
}

// requests fails unless the two token endpoints saw as many requests.
func (w *world) requests(jama, jira int) {
	w.t.Helper()
	if gotJama, gotJira := w.jama.Count(), w.jira.Count(); gotJama != jama || gotJira != jira {
		w.t.Errorf("%d and %d token requests, want %d and %d", gotJama, gotJira, jama, jira)
	}
}

// says fails unless the log has every text, and nothing secret.
func (w *world) says(texts ...string) {
	w.t.Helper()
	log := w.log.String()
	for _, text := range texts {
		if !strings.Contains(log, text) {
			w.t.Errorf("the log does not say %q:\n%s", text, log)
		}
	}
	if strings.Contains(log, "s3cret") || strings.Contains(log, "eyJ") { // every token here begins so
		w.t.Errorf("the log has a secret:\n%s", log)
	}
}

// killPlugin ends the credhelper that this process has started, without warning.
func (w *world) killPlugin() {
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		w.t.Errorf("children are not listed: %v", err)
	}
	killed := 0
	for _, path := range tasks {
		children, _ := os.ReadFile(path) // a thread that has ended has none
		for _, child := range strings.Fields(string(children)) {
			command, _ := os.ReadFile("/proc/" + child + "/cmdline")
			pid, _ := strconv.Atoi(child)
			if bytes.Contains(command, []byte("\x00plugin\x00")) && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	if killed != 1 {
		w.t.Errorf("%d plugins were killed", killed)
	}
}
