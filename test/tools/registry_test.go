//go:build tools

package tools

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A registry of container images accepts the token as a password, either directly or at a
// token endpoint that returns a short-lived registry token for it. Clients support both, so
// our answer must suit both.
var registries = []struct {
	name  string
	start func(*world) *site
}{
	{"basic", func(w *world) *site { return w.site("Basic", images()) }},
	{"token endpoint", func(w *world) *site { return withTokenEndpoint(w.site, images()) }},
}

func images() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

// withTokenEndpoint serves images to clients with a registry token, and /token to those with
// our token as password.
func withTokenEndpoint(start func(string, http.Handler) *site, images http.Handler) *site {
	var mu sync.Mutex
	issued := map[string]bool{}
	mux := http.NewServeMux()
	s := start("Basic", mux)
	s.open = func(r *http.Request) bool { return r.URL.Path != "/token" }
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		token := rand.Text()
		mu.Lock()
		issued[token] = true
		mu.Unlock()
		json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		mu.Lock()
		good := issued[token]
		mu.Unlock()
		if !good {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="tools",scope="repository:team/app:pull,push"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		images.ServeHTTP(w, r)
	})
	return s
}

// registryClients are clients of registries, configured by setup, with their commands for one
// image.
var registryClients = []struct {
	name  string
	setup string // the argument of credhelper setup
	// push creates team/app:1, list shows its tags, pull fetches it.
	push, list, pull func(w *world, host string) []string
	wants            string // in list's answer
}{
	{
		name: "crane", setup: "docker", wants: "1",
		push: func(w *world, host string) []string {
			return []string{"crane", "append", "-f", w.layer(), "-t", host + "/team/app:1"}
		},
		list: func(_ *world, host string) []string { return []string{"crane", "ls", host + "/team/app"} },
		pull: func(w *world, host string) []string {
			return []string{"crane", "pull", host + "/team/app:1", w.home + "/image.tar"}
		},
	},
	{
		name: "oras", setup: "docker", wants: "1",
		push: func(w *world, host string) []string {
			w.write("artifact", "text")
			return []string{"oras", "push", "--plain-http=false", host + "/team/app:1", "artifact:text/plain"}
		},
		list: func(_ *world, host string) []string {
			return []string{"oras", "repo", "tags", "--plain-http=false", host + "/team/app"}
		},
		pull: func(w *world, host string) []string {
			return []string{"oras", "pull", "--plain-http=false", host + "/team/app:1"}
		},
	},
	{
		name: "skopeo", setup: "skopeo", wants: `"1"`,
		push: func(w *world, host string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "dir:" + w.imageDir(), "docker://" + host + "/team/app:1"}
		},
		list: func(_ *world, host string) []string {
			return []string{"skopeo", "list-tags", "docker://" + host + "/team/app"}
		},
		pull: func(w *world, host string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "docker://" + host + "/team/app:1", "dir:" + w.home + "/pulled"}
		},
	},
	{
		name: "podman", setup: "podman", wants: "1",
		push: func(w *world, host string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "dir:" + w.imageDir(), "docker://" + host + "/team/app:1"}
		},
		list: func(_ *world, host string) []string {
			return []string{"podman", "search", "--list-tags", host + "/team/app"}
		},
		pull: func(w *world, host string) []string { return w.storing("podman", "pull", "-q", host+"/team/app:1") },
	},
	{
		name: "buildah", setup: "buildah", wants: "",
		push: func(w *world, host string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "dir:" + w.imageDir(), "docker://" + host + "/team/app:1"}
		},
		list: func(w *world, host string) []string { return w.storing("buildah", "pull", "-q", host+"/team/app:1") },
		pull: func(w *world, host string) []string { return w.storing("buildah", "pull", "-q", host+"/team/app:1") },
	},
}

// storing adds the options that keep a tool's image store below the home.
func (w *world) storing(tool string, args ...string) []string {
	if w.short == "" {
		var err error
		if w.short, err = os.MkdirTemp("", "run-"); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { os.RemoveAll(w.short) })
	}
	return append([]string{tool, "--root", w.home + "/images", "--runroot", w.short, "--storage-driver", "vfs"}, args...)
}

// layer is a tar file with one file in it.
func (w *world) layer() string {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	if err := t.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: 5, Typeflag: tar.TypeReg}); err != nil {
		w.t.Fatal(err)
	}
	t.Write([]byte("text\n"))
	t.Close()
	return w.write("layer.tar", b.String())
}

// imageDir is an image in skopeo's own format, made by crane without a registry.
func (w *world) imageDir() string {
	image := w.home + "/image.tar"
	w.ok(nil, "crane", "append", "-f", w.layer(), "-t", "localhost/made:1", "-o", image)
	dir := w.home + "/image.dir"
	w.ok(nil, "skopeo", "--insecure-policy", "copy", "docker-archive:"+image, "dir:"+dir)
	return dir
}

// TestRegistryClients: push, list and pull with one token, at both kinds of registry.
func TestRegistryClients(t *testing.T) {
	for _, client := range registryClients {
		for _, kind := range registries {
			t.Run(client.name+" "+kind.name, func(t *testing.T) {
				w := newWorld(t)
				site := kind.start(w)
				w.registryProfile("work", site)
				w.registrySetup(client.setup, "work")
				w.ok(nil, client.push(w, site.Host())...)
				if out := w.ok(nil, client.list(w, site.Host())...); !strings.Contains(out, client.wants) {
					t.Errorf("no tag %s in %q", client.wants, out)
				}
				w.ok(nil, client.pull(w, site.Host())...)
				site.served(t)
				w.requests(1)
			})
		}
	}
}

// registryProfile adds a profile for a registry of this machine. Its clients name no
// scheme, so the profile says that they may (docs/dialects/docker.md).
func (w *world) registryProfile(name string, site *site) {
	w.t.Helper()
	w.profile(name, "docker://"+strings.Replace(site.Host(), "127.0.0.1", "localhost", 1))
}

// TestCraneInClear: crane falls back to plain http at a registry on this machine. If the
// profile names it by https, nothing is sent; docker:// allows it (S9).
func TestCraneInClear(t *testing.T) {
	w := newWorld(t)
	site := w.plainSite("Basic", images())
	host := strings.Replace(site.Host(), "127.0.0.1", "localhost", 1)
	w.profile("work", "https://"+host)
	w.registrySetup("docker", "work")
	r := w.fails(nil, "crane", "ls", host+"/team/app")
	if !strings.Contains(r.stderr, "docker://"+host) {
		t.Errorf("crane does not show what to do: %s", r.stderr)
	}
	site.gotNothing(t)

	w.ok(nil, "credhelper", "remove", "work", "--yes")
	w.registryProfile("work", site)
	w.fails(nil, "crane", "ls", host+"/team/app") // it has no such repository
	for _, got := range site.requests() {
		if got.token != "" {
			return
		}
	}
	t.Error("no token where the profile agreed")
}

// registrySetup configures a client. containers' tools look for a helper in the file of
// REGISTRY_AUTH_FILE, the others in docker's.
func (w *world) registrySetup(tool, profile string) {
	w.t.Helper()
	w.setenv("DOCKER_CONFIG="+w.home+"/.docker", "REGISTRY_AUTH_FILE="+w.home+"/auth.json")
	w.setup(tool, profile)
}

// TestRegistryClientsElsewhere: a helper for all registries is asked for each one. Somebody
// else's gets no credential, and the client continues without one: that is the purpose of
// the fixed sentence (docs/dialects/README.md).
func TestRegistryClientsElsewhere(t *testing.T) {
	for _, client := range registryClients {
		t.Run(client.name, func(t *testing.T) {
			w := newWorld(t)
			site := w.site("Basic", images())
			stranger := w.stranger("Basic", images())
			free := w.site("Basic", images())
			free.open = func(*http.Request) bool { return true }
			w.registryProfile("work", site)
			w.setenv("DOCKER_CONFIG="+w.home+"/.docker", "REGISTRY_AUTH_FILE="+w.home+"/auth.json")
			w.link("docker-credential-credhelper")
			w.write(".docker/config.json", `{"credsStore":"credhelper"}`)
			w.write("auth.json", `{"credHelpers":{"`+stranger.Host()+`":"credhelper","`+free.Host()+`":"credhelper"}}`)

			w.fails(nil, client.list(w, stranger.Host())...)
			stranger.asked(t)
			w.requests(0)

			// The open registry has the image already, so only reading is tested.
			w.ok(nil, "crane", "append", "-f", w.layer(), "-t", free.Host()+"/team/app:1")
			w.ok(nil, client.list(w, free.Host())...)
			for _, r := range free.requests() {
				if r.authorization != "" {
					t.Errorf("a registry that wants nothing got %v", r)
				}
			}
		})
	}
}

// TestRegistryClientsFailure: the client shows a failure with our message, and does not
// take it for "no credential here" (docs/dialects/README.md: another text).
func TestRegistryClientsFailure(t *testing.T) {
	for _, client := range registryClients {
		t.Run(client.name, func(t *testing.T) {
			w := newWorld(t)
			site := w.site("Basic", images())
			w.registryProfile("work", site)
			w.registrySetup(client.setup, "work")
			w.refuseSecret()
			r := w.fails(nil, client.list(w, site.Host())...)
			r.shows(t, "credhelper: ")
			site.gotNothing(t)
		})
	}
}
