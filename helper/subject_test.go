package helper_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// exchanging is a home with a profile that exchanges the token of a source.
func exchanging(t *testing.T, source string) *home {
	t.Helper()
	h := newHome(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "client", Auth: "none"}}})
	h.profile("demo", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"client\"\nclient_auth = \"none\"\ngrant = \"token_exchange\"\nsubject_token = %s\n",
		h.server.URL(), h.server.TokenURL(), source))
	return h
}

// found is the token that the front would give this call; "" if it would ask the engine.
func (h *home) found() string {
	h.t.Helper()
	store, err := cache.Open(h.dirs)
	if err != nil {
		return "" // nothing was made yet
	}
	defer store.Close()
	e, err := store.Find(cache.Whole("demo"), func(name string) string { return h.env[name] })
	if err != nil || !e.Current() {
		return ""
	}
	return e.Token.Reveal()
}

// TestSubjectsOfAVariable: two jobs whose tokens to be exchanged differ never get
// each other's token, and ten alternations are two requests, answered by the front.
func TestSubjectsOfAVariable(t *testing.T) {
	h := exchanging(t, `["env", "JOB_TOKEN"]`)
	tokens := map[string]string{}
	for i := range 10 {
		job := fmt.Sprintf("subject-%d", i%2)
		h.env["JOB_TOKEN"] = job
		if i > 1 && h.found() != tokens[job] {
			t.Fatalf("round %d: the front gives %q, want %s's", i, h.found(), job)
		}
		got := h.mustGet(named).Secret.Reveal()
		if i < 2 {
			tokens[job] = got
		}
		if got != tokens[job] {
			t.Fatalf("round %d: %s got another's token", i, job)
		}
	}
	if tokens["subject-0"] == tokens["subject-1"] || h.server.Count() != 2 {
		t.Errorf("%d requests, want 2", h.server.Count())
	}
	delete(h.env, "JOB_TOKEN")
	if h.found() != "" {
		t.Error("the front answers nobody")
	}
	_, err := h.get(named)
	wantError(t, err, protocol.ErrPolicy, "env JOB_TOKEN: ", "the variable is not set")
}

// TestSubjectsOfAFile: the same for a file, whose stamp the front compares. Whoever
// changes it back is known again.
func TestSubjectsOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	h := exchanging(t, fmt.Sprintf("[\"file\", %q]", path))
	tokens := map[string]string{}
	for i := range 10 {
		job := fmt.Sprintf("subject-%d", i%2)
		h.write(path, job)
		if h.found() != "" {
			t.Fatalf("round %d: the front answers although the file changed", i)
		}
		got := h.mustGet(named).Secret.Reveal()
		if i < 2 {
			tokens[job] = got
		}
		if got != tokens[job] {
			t.Fatalf("round %d: %s got another's token", i, job)
		}
		if h.found() != got {
			t.Fatalf("round %d: the front does not answer", i)
		}
	}
	if h.server.Count() != 2 {
		t.Errorf("%d requests, want 2", h.server.Count())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if h.found() != "" {
		t.Error("the front answers although the file is gone")
	}
	if _, err := h.get(named); err == nil {
		t.Error("an answer without a subject")
	}
}

// TestSubjectOfACredential: systemd's credentials of two units are two subjects.
func TestSubjectOfACredential(t *testing.T) {
	h := exchanging(t, `["credential", "job"]`)
	root := t.TempDir()
	for i := range 4 {
		dir := filepath.Join(root, fmt.Sprint(i%2))
		if i < 2 {
			h.write(filepath.Join(dir, "job"), fmt.Sprintf("subject-%d", i))
		}
		h.env["CREDENTIALS_DIRECTORY"] = dir
		h.mustGet(named)
	}
	if h.server.Count() != 2 {
		t.Errorf("%d requests, want 2", h.server.Count())
	}
}

// TestAtMostSixteenSubjects: the oldest go, and the current one stays.
func TestAtMostSixteenSubjects(t *testing.T) {
	h := exchanging(t, `["env", "JOB_TOKEN"]`)
	for i := range 20 {
		h.env["JOB_TOKEN"] = fmt.Sprintf("subject-%d", i)
		h.mustGet(named)
		h.settle()
	}
	files, err := filepath.Glob(h.dirs.Run() + "/t-*-*")
	if err != nil || len(files) != 16 {
		t.Errorf("%d entries of subjects, want 16: %v", len(files), err)
	}
	before := h.server.Count()
	for i := 19; i > 3; i-- {
		h.env["JOB_TOKEN"] = fmt.Sprintf("subject-%d", i)
		h.mustGet(named)
	}
	if h.server.Count() != before {
		t.Error("one of the latest sixteen was asked for again")
	}
}

// TestSubjectsAreForgotten: a rejected token is the subject's own affair; cache clear
// and lock are everybody's.
func TestSubjectsAreForgotten(t *testing.T) {
	h := exchanging(t, `["env", "JOB_TOKEN"]`)
	as := func(job string) string { h.env["JOB_TOKEN"] = job; return h.mustGet(named).Secret.Reveal() }
	a, b := as("subject-a"), as("subject-b")
	h.wait(youth) // or the report would only be counted
	if err := h.helper().Forget(context.Background(), protocol.Request{Verb: protocol.Forget, Profile: "demo"}); err != nil {
		t.Fatal(err)
	}
	if as("subject-a") != a {
		t.Error("b's report dropped a's token")
	}
	if as("subject-b") == b {
		t.Error("b got the rejected token")
	}
	if err := h.helper().ClearCache(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(h.dirs.Run() + "/t-*"); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
	if as("subject-a") == a {
		t.Error("a cleared token came back")
	}
}

// TestRefusedSubject: a refusal of one subject is not held against another.
func TestRefusedSubject(t *testing.T) {
	h := exchanging(t, `["env", "JOB_TOKEN"]`)
	h.env["JOB_TOKEN"] = "unknown-to-the-server"
	_, err := h.get(named)
	wantError(t, err, protocol.ErrRefused, "unknown subject token")
	_, err = h.get(named)
	wantError(t, err, protocol.ErrRefused, "unknown subject token")
	if h.server.Count() != 1 {
		t.Errorf("%d requests, want 1", h.server.Count())
	}
	h.env["JOB_TOKEN"] = "subject-b"
	h.mustGet(named)
}
