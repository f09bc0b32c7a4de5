//go:build tools

package tools

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

// engine stands in for the Docker engine: the docker command sends it what the helper
// answered, for the registry. It checks the password as the registry would, and records the
// users.
type engine struct {
	world *world
	mu    sync.Mutex
	seen  []string // "SERVER USER good" or "... bad"
}

// dockerEngine starts one and makes docker use it.
func (w *world) dockerEngine() *engine {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "docker-")
	if err != nil {
		w.t.Fatal(err)
	}
	listener, err := net.Listen("unix", dir+"/socket")
	if err != nil {
		w.t.Fatal(err)
	}
	e := &engine{world: w}
	server := httptest.NewUnstartedServer(http.HandlerFunc(e.serve))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	w.t.Cleanup(func() { server.Close(); os.RemoveAll(dir) })
	w.setenv("DOCKER_HOST=unix://" + dir + "/socket")
	return e
}

type dockerAuth struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	ServerAddress string `json:"serveraddress"`
}

func (e *engine) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.47")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
	case strings.HasSuffix(r.URL.Path, "/auth"):
		var a dockerAuth
		json.NewDecoder(r.Body).Decode(&a)
		if !e.check(a.ServerAddress, a) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, `{"message":"unauthorized"}`)
			return
		}
		fmt.Fprintln(w, `{"Status":"Login Succeeded","IdentityToken":""}`)
	case strings.HasSuffix(r.URL.Path, "/images/create"):
		var a dockerAuth
		text, _ := base64.URLEncoding.DecodeString(r.Header.Get("X-Registry-Auth"))
		json.Unmarshal(text, &a)
		host, _, _ := strings.Cut(r.URL.Query().Get("fromImage"), "/")
		if !e.check(host, a) {
			fmt.Fprintln(w, `{"error":"unauthorized","errorDetail":{"message":"unauthorized"}}`)
			return
		}
		fmt.Fprintln(w, `{"status":"Status: Downloaded newer image"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintln(w, `{"message":"not played"}`)
	}
}

func (e *engine) check(server string, a dockerAuth) bool {
	good := a.Password != "" && e.world.good(a.Password)
	line := fmt.Sprintf("%s user=%q good=%v", server, a.Username, good)
	e.world.t.Logf("the docker engine saw: %s password=...%s", line, a.Password[max(0, len(a.Password)-12):])
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, line)
	return good
}

// last returns what the engine saw last.
func (e *engine) last() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 {
		return ""
	}
	return e.seen[len(e.seen)-1]
}

// TestDocker: docker login uses what the helper has, and logout succeeds. pull sends the
// engine the user and the token, and an empty pair for another registry.
func TestDocker(t *testing.T) {
	w := newWorld(t)
	site := w.site("Basic", images())
	w.registryProfile("work", site)
	w.registrySetup("docker", "work")
	e := w.dockerEngine()
	t.Log(strings.TrimSpace(w.ok(nil, "docker", "--version")))

	if out := w.ok(nil, "docker", "login", site.Host()); !strings.Contains(out, "Login Succeeded") {
		t.Errorf("docker login: %s", out)
	}
	if want := `user="oauth2" good=true`; !strings.HasSuffix(e.last(), want) {
		t.Errorf("the engine saw %s", e.last())
	}
	w.ok(nil, "docker", "pull", site.Host()+"/team/app:1")
	if want := site.Host() + ` user="oauth2" good=true`; e.last() != want {
		t.Errorf("the engine saw %s, want %s", e.last(), want)
	}
	w.requests(1)

	w.fails(nil, "docker", "pull", "127.0.0.2:5000/team/app:1")
	if want := `127.0.0.2:5000 user="" good=false`; e.last() != want {
		t.Errorf("the engine saw %s, want %s", e.last(), want)
	}
	w.requests(1)

	w.ok(nil, "docker", "logout", site.Host())
	w.ok(nil, "docker", "pull", site.Host()+"/team/app:1")
	w.requests(1) // in its first minute a token is not replaced
}

// TestDockerManifest: docker manifest contacts the registry itself.
func TestDockerManifest(t *testing.T) {
	for _, kind := range registries {
		t.Run(kind.name, func(t *testing.T) {
			w := newWorld(t)
			site := kind.start(w)
			w.registryProfile("work", site)
			w.registrySetup("docker", "work")
			w.ok(nil, "crane", "append", "-f", w.layer(), "-t", site.Host()+"/team/app:1")
			site.forgetSeen()
			if out := w.ok(nil, "docker", "manifest", "inspect", site.Host()+"/team/app:1"); !strings.Contains(out, "layers") {
				t.Errorf("manifest inspect: %s", out)
			}
			site.served(t)
			w.requests(1)
		})
	}
}

// TestDockerStore: a helper for every registry, which setup does not configure: docker asks
// it for somebody else's registry too, gets the fixed sentence for "not found", and
// continues.
func TestDockerStore(t *testing.T) {
	w := newWorld(t)
	site := w.site("Basic", images())
	w.registryProfile("work", site)
	w.setenv("DOCKER_CONFIG=" + w.home + "/.docker")
	w.link("docker-credential-credhelper")
	w.write(".docker/config.json", `{"credsStore":"credhelper"}`)
	e := w.dockerEngine()
	w.ok(nil, "docker", "pull", site.Host()+"/team/app:1")
	w.fails(nil, "docker", "pull", "127.0.0.2:5000/team/app:1")
	if want := `127.0.0.2:5000 user="" good=false`; e.last() != want {
		t.Errorf("the engine saw %s, want %s", e.last(), want)
	}
	// docker would ask for everything that its store lists, one by one.
	w.fails(nil, "docker", "pull", "ghost.example/app:1")
	w.requests(1)
}

// TestPodmanLogin: podman login finds that there is nothing to do; its logout is an erase.
func TestPodmanLogin(t *testing.T) {
	w := newWorld(t)
	site := w.site("Basic", images())
	w.registryProfile("work", site)
	w.registrySetup("podman", "work")
	if out := w.ok(nil, w.storing("podman", "login", site.Host())...); !strings.Contains(out, "Already logged in to "+site.Host()) {
		t.Errorf("podman login: %s", out)
	}
	site.served(t)
	w.requests(1)
	w.ok(nil, w.storing("podman", "logout", site.Host())...)
	w.ok(nil, w.storing("podman", "login", site.Host())...)
	w.requests(1) // in its first minute a token is not replaced
}

// TestDockerLoginStores: a typed password cannot be stored: docker shows our error, and
// writes no file with it.
func TestDockerLoginStores(t *testing.T) {
	w := newWorld(t)
	site := w.site("Basic", images())
	w.registryProfile("work", site)
	w.registrySetup("docker", "work")
	w.dockerEngine()
	token := w.token("work")
	w.ok(nil, "credhelper", "cache", "clear", "work") // the next one is another
	r := w.fails(input(token), "docker", "login", "-u", "oauth2", "--password-stdin", site.Host())
	if !strings.Contains(r.stderr, "nothing was saved") {
		t.Errorf("docker login: %s", r.stderr)
	}
	content, err := os.ReadFile(w.home + "/.docker/config.json")
	if err != nil || strings.Contains(string(content), `"auth"`) {
		t.Errorf("docker's configuration: %v %s", err, content)
	}
}
