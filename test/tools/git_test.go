//go:build tools

package tools

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gits are two versions of git: Debian 12's knows only user name and password; Debian 13's
// (2.46 and later) sends any scheme. The first is this machine's own.
var gits = []string{"old", "new"}

// useGit puts one of the two first in PATH and reports which it is.
func (w *world) useGit(name string) (scheme string) {
	w.t.Helper()
	w.setenv("GIT_TERMINAL_PROMPT=0", "GIT_SSL_CAINFO="+authorityFile(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	scheme = "Basic"
	path := w.bin + ":/usr/bin:/bin"
	if name == "new" {
		scheme = "Bearer"
		path = w.bin + ":" + suite + ":/usr/bin:/bin"
		w.setenv("GIT_EXEC_PATH=" + suite)
	}
	w.setenv("PATH=" + path)
	version := strings.TrimSpace(w.ok(nil, "git", "version"))
	w.t.Log(version)
	if modern := version >= "git version 2.46"; modern != (name == "new") {
		w.t.Fatalf("%s is not the %s one: these tests are for a machine whose own git cannot send a bearer token (Debian 12's)", version, name)
	}
	return scheme
}

// eachGit runs a test with each git, in a world of its own.
func eachGit(t *testing.T, test func(t *testing.T, w *world, git, scheme string)) {
	t.Helper()
	for _, git := range gits {
		t.Run(git, func(t *testing.T) {
			w := newWorld(t)
			test(t, w, git, w.useGit(git))
		})
	}
}

// repositories serves bare repositories at /team/app.git and so on, for reading and writing,
// with git's own server.
func repositories(t *testing.T, names ...string) http.Handler {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		if out, err := exec.Command("git", "init", "-q", "--bare", "-b", "main", filepath.Join(root, name)).CombinedOutput(); err != nil {
			t.Fatalf("git init: %v %s", err, out)
		}
	}
	place, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(place)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=tools"},
	}
	return backend
}

// TestGit: clone, commit, push and fetch with one token, and nothing for another host
// (docs/dialects/README.md: nobody's host is silence).
func TestGit(t *testing.T) {
	eachGit(t, func(t *testing.T, w *world, _, scheme string) {
		site := w.site(scheme, repositories(t, "team/app.git"))
		stranger := w.stranger(scheme, repositories(t, "team/app.git"))
		w.profile("work", site.URL)
		w.setup("git")

		w.ok(nil, "git", "clone", "-q", site.URL+"/team/app.git", "app")
		app := in(w.home + "/app")
		w.write("app/file", "text\n")
		w.ok(app, "git", "add", "file")
		w.ok(app, "git", "commit", "-q", "-m", "first")
		w.ok(app, "git", "push", "-q", "origin", "HEAD:main")
		w.ok(app, "git", "fetch", "-q")
		if out := w.ok(nil, "git", "ls-remote", site.URL+"/team/app.git", "main"); !strings.Contains(out, "refs/heads/main") {
			t.Errorf("the push did not arrive: %q", out)
		}
		site.served(t)
		w.requests(1)

		r := w.fails(nil, "git", "ls-remote", stranger.URL+"/team/app.git")
		if strings.Contains(r.stderr, "credhelper") {
			t.Errorf("somebody else's host is no matter of ours, but: %s", r.stderr)
		}
		stranger.asked(t)
		w.requests(1)
	})
}

// TestGitStaleToken: the server no longer accepts a token. git 2.46 asks again within the
// same command, by state[] and continue. An older git fails and calls erase, and the next
// command works. Either way there is one more token request, not two.
func TestGitStaleToken(t *testing.T) {
	eachGit(t, func(t *testing.T, w *world, git, scheme string) {
		site := w.site(scheme, repositories(t, "app.git"))
		w.profile("work", site.URL)
		w.setup("git")
		w.ok(nil, "git", "ls-remote", site.URL+"/app.git")
		w.revoke()
		site.forgetSeen()

		if git == "old" {
			w.fails(nil, "git", "ls-remote", site.URL+"/app.git")
		}
		w.ok(nil, "git", "ls-remote", site.URL+"/app.git")
		site.served(t)
		w.requests(2)
		if stale := site.requests()[1]; stale.token == "" || stale.status != 401 {
			t.Errorf("the second request is not the stale token's: %v", stale)
		}
		w.ok(nil, "git", "ls-remote", site.URL+"/app.git")
		w.requests(2)
	})
}

// TestGitProactive: with http.proactiveAuth git asks before the first request, and there is
// no 401.
func TestGitProactive(t *testing.T) {
	w := newWorld(t)
	scheme := w.useGit("new")
	site := w.site(scheme, repositories(t, "app.git"))
	w.profile("work", site.URL)
	w.setup("git")
	w.ok(nil, "git", "-c", "http.proactiveAuth=auto", "ls-remote", site.URL+"/app.git")
	site.served(t)
	if n := site.refused(); n != 0 {
		t.Errorf("%d requests were refused first", n)
	}
}

// TestGitPaths: two profiles share a host by path. setup makes git send the path, and a
// third path gets nothing (O9, O12).
func TestGitPaths(t *testing.T) {
	eachGit(t, func(t *testing.T, w *world, _, scheme string) {
		site := w.site(scheme, repositories(t, "red/app.git", "blue/app.git", "green/app.git"))
		w.profile("red", site.URL+"/red")
		w.profile("blue", site.URL+"/blue")
		w.setup("git", "red")
		w.setup("git", "blue")
		w.ok(nil, "git", "ls-remote", site.URL+"/red/app.git")
		w.requests(1)
		w.ok(nil, "git", "ls-remote", site.URL+"/blue/app.git")
		w.requests(2)
		site.served(t)
		site.forgetSeen()
		w.fails(nil, "git", "ls-remote", site.URL+"/green/app.git")
		site.asked(t)
		site.gotNothing(t)
	})
}

// TestGitFailure: the server no longer knows the secret: git shows our one line, and its
// own.
func TestGitFailure(t *testing.T) {
	eachGit(t, func(t *testing.T, w *world, _, scheme string) {
		site := w.site(scheme, repositories(t, "app.git"))
		w.profile("work", site.URL)
		w.setup("git")
		w.refuseSecret()
		r := w.fails(nil, "git", "ls-remote", site.URL+"/app.git")
		r.shows(t, "credhelper: ")
	})
}

// TestGitBesideStore: a helper that stores, beside ours: git must not give it our token to
// store. If the profile is named, setup clears the list of helpers for its hosts; elsewhere
// they work as before.
func TestGitBesideStore(t *testing.T) {
	eachGit(t, func(t *testing.T, w *world, _, scheme string) {
		site := w.site(scheme, repositories(t, "app.git"))
		w.profile("work", site.URL)
		w.ok(nil, "git", "config", "--global", "credential.helper", "store")
		w.setup("git", "work")
		w.ok(nil, "git", "ls-remote", site.URL+"/app.git")
		site.served(t)
		if stored, err := os.ReadFile(w.home + "/.git-credentials"); err == nil {
			t.Errorf("git stored the token: %s", stored)
		}
		w.ok(input("protocol=https\nhost=other.example\nusername=u\npassword=p\n\n"), "git", "credential", "approve")
		if out := w.ok(input("protocol=https\nhost=other.example\n\n"), "git", "credential", "fill"); !strings.Contains(out, "password=p\n") {
			t.Errorf("the other helper lost what it stored: %s", out)
		}
		w.ok(input("protocol=https\nhost=other.example\nusername=u\npassword=p\n\n"), "git", "credential", "reject")
		w.fails(input("protocol=https\nhost=other.example\n\n"), "git", "credential", "fill")
	})
}

// TestGitNoRights: a server that refuses valid tokens, because the account has no rights
// there, must not cause repeated fetches: one git command costs one token request at most,
// whatever the status (T27).
func TestGitNoRights(t *testing.T) {
	for _, git := range gits {
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
			t.Run(fmt.Sprint(git, status), func(t *testing.T) {
				w := newWorld(t)
				scheme := w.useGit(git)
				site := w.site(scheme, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("WWW-Authenticate", scheme+` realm="tools"`)
					http.Error(rw, "no rights", status)
				}))
				w.profile("work", site.URL)
				w.setup("git")
				w.token("work")
				w.requests(1) // so that the first command finds a token in the cache
				for range 4 {
					before := w.auth.Count()
					w.fails(nil, "git", "ls-remote", site.URL+"/app.git")
					if n := w.auth.Count() - before; n > 1 {
						t.Errorf("one git command made %d token requests", n)
					}
				}
				if status == http.StatusForbidden {
					w.requests(1) // a 403 is not about the token
				}
			})
		}
	}
}

// TestGitStaleTogether: many gits at once with the same stale token: it is replaced once.
func TestGitStaleTogether(t *testing.T) {
	const remotes = 12
	eachGit(t, func(t *testing.T, w *world, git, scheme string) {
		site := w.site(scheme, repositories(t, "app.git"))
		w.profile("work", site.URL)
		w.setup("git")
		w.ok(nil, "git", "init", "-q", "app")
		app := in(w.home + "/app")
		for i := range remotes {
			w.ok(app, "git", "remote", "add", fmt.Sprint("r", i), site.URL+"/app.git")
		}
		w.token("work")
		w.revoke()
		if fetch := []string{"git", "fetch", "-q", "--all", "--jobs", "6"}; git == "new" {
			w.ok(app, fetch...)
		} else {
			w.run(app, fetch...) // the first ones fail, as they would without credhelper
			w.ok(app, fetch...)
		}
		site.served(t)
		w.requests(2)
	})
}
