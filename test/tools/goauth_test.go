//go:build tools

package tools

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// moduleProxy serves the module example.com/demo, v1.0.0, below /p.
func moduleProxy() http.Handler {
	const gomod = "module example.com/demo\n\ngo 1.24\n"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{"go.mod": gomod, "demo.go": "package demo\n"} {
		f, _ := z.Create("example.com/demo@v1.0.0/" + name)
		f.Write([]byte(content))
	}
	z.Close()
	mux := http.NewServeMux()
	for path, content := range map[string]string{
		"list": "v1.0.0\n", "v1.0.0.info": `{"Version":"v1.0.0"}`, "v1.0.0.mod": gomod, "v1.0.0.zip": b.String(),
	} {
		mux.HandleFunc("/p/example.com/demo/@v/"+path, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, content) })
	}
	return mux
}

// goWorld is a world where the go command finds its own build cache.
func goWorld(t *testing.T) *world {
	w := newWorld(t)
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	w.setenv("GOCACHE="+strings.TrimSpace(string(cache)), "GOTOOLCHAIN=local", "GOFLAGS=-modcacherw", "GONOSUMDB=*", "GO111MODULE=on")
	t.Log(strings.TrimSpace(w.ok(nil, "go", "version")))
	return w
}

// TestGoauth: versions and a download through a proxy that demands the token: the go
// command asks without arguments, gets a 401, and asks with the URL.
func TestGoauth(t *testing.T) {
	for _, c := range []struct{ name, profile string }{{"any profile", ""}, {"named profile", "work"}} {
		t.Run(c.name, func(t *testing.T) {
			w := goWorld(t)
			site := w.site("Bearer", moduleProxy())
			stranger := w.stranger("Bearer", moduleProxy())
			w.profile("work", site.URL)
			w.setup(strings.Fields("goauth " + c.profile)...)
			if out := w.ok(with("GOPROXY="+site.URL+"/p"), "go", "list", "-m", "-versions", "example.com/demo"); !strings.Contains(out, "v1.0.0") {
				t.Errorf("go list: %s", out)
			}
			w.ok(with("GOPROXY="+site.URL+"/p"), "go", "mod", "download", "-json", "example.com/demo@v1.0.0")
			site.served(t)
			if c.profile != "" && site.refused() != 0 {
				t.Errorf("%d requests came without the token", site.refused())
			}
			w.requests(1)

			w.fails(with("GOPROXY="+stranger.URL+"/p", "GOMODCACHE="+w.home+"/other"), "go", "list", "-m", "-versions", "example.com/demo")
			stranger.asked(t)
			w.requests(1)
		})
	}
}

// TestGoauthPaths: the profile's path is a prefix: the proxy beside it on the same host
// gets nothing (O9).
func TestGoauthPaths(t *testing.T) {
	w := goWorld(t)
	site := w.site("Bearer", moduleProxy())
	w.profile("work", site.URL+"/p")
	w.setup("goauth", "work")
	w.ok(with("GOPROXY="+site.URL+"/p"), "go", "list", "-m", "-versions", "example.com/demo")
	site.served(t)
	site.forgetSeen()
	w.fails(with("GOPROXY="+site.URL+"/other", "GOMODCACHE="+w.home+"/other"), "go", "list", "-m", "-versions", "example.com/demo")
	site.asked(t)
	site.gotNothing(t)
}

// TestGoauthFailure: the go command hides why there is no credential, unless it runs with
// -x.
func TestGoauthFailure(t *testing.T) {
	w := goWorld(t)
	site := w.site("Bearer", moduleProxy())
	w.profile("work", site.URL)
	w.setup("goauth")
	w.refuseSecret()
	r := w.fails(with("GOPROXY="+site.URL+"/p"), "go", "list", "-x", "-m", "-versions", "example.com/demo")
	r.shows(t, "credhelper: ")
	if _, err := os.Stat(w.home + "/.config/go/env"); err != nil {
		t.Errorf("setup wrote no go/env: %v", err)
	}
}
