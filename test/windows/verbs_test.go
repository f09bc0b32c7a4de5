//go:build wine

package windows

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestVerbs: from nothing to a token and back, in the folders that Windows gives to a
// user. A token is fetched by add, rotate and test, and by nothing else.
func TestVerbs(t *testing.T) {
	s, u := newServer(t), newUser(t)
	has(t, u.wants(0, "", "version").stdout, "windows/amd64")
	u.withProfile(s)
	requests(t, s, 1)
	token := strings.TrimSpace(u.wants(0, "", "token", "jama").stdout)
	if token == "" || token != strings.TrimSpace(u.wants(0, "", "token", "jama").stdout) {
		t.Errorf("token: %q, and another one afterwards", token)
	}
	has(t, u.wants(0, "", "header", s.URL()+"/rest/v1/users").stdout, "Authorization: Bearer "+token)
	has(t, u.wants(0, `{"uri":"`+s.URL()+`/rest/v1"}`, "get").stdout, token)
	requests(t, s, 1)
	has(t, u.wants(0, "", "status").stdout, "1 profile: 1 ready")
	has(t, u.wants(0, "", "list").stdout, "Jama Connect")
	has(t, u.wants(0, "", "show", "jama").stdout, s.URL())
	has(t, u.wants(0, "", "explain", s.URL()+"/rest/v1").stdout, "jama")
	has(t, u.wants(0, "", "doctor").stdout, "file encrypted for this user (DPAPI)")
	u.wants(0, "", "test", "jama")
	has(t, u.wants(0, testSecret, "rotate", "jama", "--secret-stdin").stderr, "has this secret already")
	has(t, u.wants(0, "", "log").stdout, "secret stored   jama", "fetch           jama")
	u.wants(0, "", "export", "jama")
	u.wants(0, "", "cache", "clear", "jama")
	u.wants(0, "", "lock")
	u.wants(0, "", "remove", "jama", "--yes")
	u.wants(3, "", "token", "jama")
}

// TestErrors: an error is on stderr alone, where no tool takes it for a token.
func TestErrors(t *testing.T) {
	u := newHome(t)
	for _, c := range []struct {
		code int
		args []string
	}{
		{3, []string{"token", "nosuch"}},
		{2, []string{"token", "--no-such-flag"}},
		{3, []string{"header", "https://example.com/"}},
		{2, []string{"no-such-verb"}},
		{2, []string{"curl", "jama", "--", "--data-binary", "@-", "/x"}}, // stdin has the token
	} {
		a := u.wants(c.code, "", c.args...)
		if a.stdout != "" || !strings.HasPrefix(a.stderr, "credhelper: ") {
			t.Errorf("%v: stdout %q, stderr %q", c.args, a.stdout, a.stderr)
		}
	}
}

// TestStorm: twenty programs that want a token at once cost one request.
func TestStorm(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	u.wants(0, "", "cache", "clear", "jama")
	before := s.Count()
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			// Twenty starts of Wine may take a slow machine longer than the 8 s of a call.
			for range 10 {
				if answers[i] = u.run("credhelper.exe", "", "token", "jama"); answers[i].code != 8 {
					return
				}
			}
		})
	}
	all.Wait()
	for i, a := range answers {
		if a != answers[0] || a.stdout == "" {
			t.Errorf("call %d: exit %d %q %q", i, a.code, a.stdout, a.stderr)
		}
	}
	requests(t, s, before+1)
}

// TestReset: a connection that the server resets is the network's fault (exit 8), not
// the server's answer.
func TestReset(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	u.wants(0, "", "cache", "clear", "jama")
	if err := s.Always("reset-late"); err != nil {
		t.Fatal(err)
	}
	u.wants(8, "", "token", "jama")
}

// TestSealedForTheUser: the token is sealed by a key that the system encrypts, and lies
// nowhere in clear.
func TestSealedForTheUser(t *testing.T) {
	s, u := newServer(t), newUser(t)
	u.withProfile(s)
	token := strings.TrimSpace(u.wants(0, "", "token", "jama").stdout)
	nowhereInClear(t, token, testSecret)
	sealed, err := filepath.Glob(filepath.Join(appData(t), "Local/credhelper/state/locks/credhelper-seal-*"))
	if err != nil || len(sealed) != 1 {
		t.Fatalf("the key: %q, %v", sealed, err)
	}
	content, err := os.ReadFile(sealed[0])
	if err != nil || len(content) < 100 {
		t.Errorf("the key is %d bytes, %v", len(content), err)
	}
	// A key with a flipped bit in its fingerprint is no key: another one is made, for one
	// request.
	content[len(content)-1] ^= 1
	if err := os.WriteFile(sealed[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	before := s.Count()
	u.wants(0, "", "token", "jama")
	u.wants(0, "", "token", "jama")
	requests(t, s, before+1)
}
