//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
)

// TestSubjects (S19): two jobs on one machine, with one home, exchange different tokens by
// one profile. Neither gets what was fetched for the other, by name, by URL or through a
// tool. Ten alternations are two requests, and once both are cached the front answers both
// without the engine.
func TestSubjects(t *testing.T) {
	if elsewhere(t) {
		return
	}
	s := newServer(t)
	h := newHome(t, s)
	environ := h.Env
	as := func(job string) { h.Env = append(environ[:len(environ):len(environ)], "JOB_TOKEN="+job) }
	as("job-0-canary") // rotate fetches a token as well
	err := h.AddProfile(program.Profile{Name: "ci", Origin: "https://ci.example.com", TokenURL: s.URL + "/token", ClientID: "client", Secret: secretA,
		More: "grant = \"token_exchange\"\nsubject_token = [\"env\", \"JOB_TOKEN\"]"})
	if err != nil {
		t.Fatal(err)
	}
	settle()
	before := s.requests()
	tokens := map[string]string{}
	for i := range 10 {
		job := [...]string{"job-a-canary", "job-b-canary"}[i%2]
		as(job)
		for _, by := range []string{"ci", "https://ci.example.com/x"} {
			r := finish(t, h.Command("token", by))
			if r.code != 0 || tokens[job] != "" && r.token() != tokens[job] {
				t.Fatalf("round %d, %s by %s: %+v, want %q", i, job, by, r, tokens[job])
			}
			tokens[job] = r.token()
		}
		r := finish(t, h.Command("header", "https://ci.example.com/x"))
		if !strings.Contains(r.stdout, tokens[job]) {
			t.Fatalf("round %d: the header has another token", i)
		}
	}
	if n := s.requests() - before; n != 2 || tokens["job-a-canary"] == tokens["job-b-canary"] {
		t.Errorf("%d token requests, want 2", n)
	}
	for job, token := range tokens {
		as(job)
		log := filepath.Join(t.TempDir(), "log")
		r := finish(t, traced(t, h, log, []string{"-e", "trace=execve"}, "token", "ci"))
		content, _ := os.ReadFile(log)
		if r.token() != token || strings.Count(string(content), "execve(") != 1 {
			t.Errorf("%s: %+v\n%s", job, r, content)
		}
	}
	h.Env = environ
	r := finish(t, h.Command("token", "ci"))
	sane(t, "nobody's call", r)
	if !strings.Contains(r.stderr, "env JOB_TOKEN: ") {
		t.Errorf("it does not say what is missing: %s", r.stderr)
	}
	for _, path := range h.Entries() {
		if content, err := os.ReadFile(path); err != nil || strings.Contains(string(content)+path, "canary") {
			t.Errorf("%s shows a subject or a token: %v", path, err)
		}
	}
}
