//go:build tools

package tools

import (
	"net/http"
	"strings"
	"testing"
)

// TestGitLFSRefused: an LFS endpoint that refuses a valid token, because the account has no
// rights there. git-lfs erases it and asks again, endlessly. It is told to stop: the push
// ends with our reason, and there was one token request (A1).
func TestGitLFSRefused(t *testing.T) {
	for _, git := range gits {
		t.Run(git, func(t *testing.T) {
			w := newWorld(t)
			scheme := w.useGit(git)
			w.setenv("GIT_LFS_PROGRESS=", "LC_ALL=C.UTF-8")
			repository := repositories(t, "team/app.git")
			site := w.site(scheme, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.Path, "/info/lfs/") {
					repository.ServeHTTP(rw, r)
					return
				}
				rw.Header().Set("WWW-Authenticate", `Basic realm="lfs"`)
				rw.Header().Set("Lfs-Authenticate", `Basic realm="lfs"`)
				http.Error(rw, `{"message":"no rights"}`, http.StatusUnauthorized)
			}))
			w.profile("work", site.URL)
			w.setup("git")
			w.ok(nil, "git", "clone", "-q", site.URL+"/team/app.git", "app")
			app := in(w.home + "/app")
			w.ok(app, "git", "lfs", "install", "--local")
			w.ok(app, "git", "lfs", "track", "*.bin")
			w.write("app/large.bin", "bytes\n")
			w.ok(app, "git", "add", ".")
			w.ok(app, "git", "commit", "-q", "-m", "large")
			r := w.fails(app, "git", "push", "-q", "origin", "HEAD:main")
			if !strings.Contains(r.stderr, "refuses good tokens") {
				t.Errorf("the push says %q", r.stderr)
			}
			asked := 0
			for _, one := range site.requests() {
				if strings.Contains(one.target, "/info/lfs/") {
					asked++
				}
			}
			if asked == 0 || asked > 20 {
				t.Errorf("the endpoint was asked %d times", asked)
			}
			w.requests(1)
		})
	}
}
