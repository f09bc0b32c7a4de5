//go:build tools

package tools

import (
	"os"
	"strings"
	"testing"
)

// Tools whose cached answer comes from the front alone. Each prepare configures one, and
// returns a command that needs the token.
var frontTools = []struct {
	name    string
	prepare func(*testing.T) (w *world, s *site, o option, argv []string)
}{
	{"git, old", func(t *testing.T) (*world, *site, option, []string) { return gitRead(t, "old") }},
	{"git, new", func(t *testing.T) (*world, *site, option, []string) { return gitRead(t, "new") }},
	{"docker", func(t *testing.T) (*world, *site, option, []string) {
		w := newWorld(t)
		s := w.site("Basic", images())
		w.registryProfile("work", s)
		w.registrySetup("docker", "work")
		return w, s, nil, []string{"crane", "catalog", s.Host()}
	}},
	{"terraform", func(t *testing.T) (*world, *site, option, []string) {
		w := newWorld(t)
		w.setenv("CHECKPOINT_DISABLE=1")
		s := modules(w.site)
		w.profile("work", s.URL)
		w.setup("terraform")
		return w, s, w.configuration("ours", s), []string{"terraform", "get", "-update"}
	}},
	{"goauth", func(t *testing.T) (*world, *site, option, []string) {
		w := goWorld(t)
		s := w.site("Bearer", moduleProxy())
		w.profile("work", s.URL)
		w.setup("goauth")
		return w, s, with("GOPROXY=" + s.URL + "/p"), []string{"go", "list", "-m", "-versions", "example.com/demo"}
	}},
	{"kubectl", func(t *testing.T) (*world, *site, option, []string) {
		w := newWorld(t)
		s := w.site("Bearer", cluster())
		w.profile("work", s.URL)
		w.kubeconfig(s, s)
		return w, s, nil, []string{"kubectl", "get", "--raw", "/version"}
	}},
	{"plain", func(t *testing.T) (*world, *site, option, []string) {
		w := newWorld(t)
		w.setenv("CURL_CA_BUNDLE=" + authorityFile())
		s := w.site("Bearer", api(nowhere))
		w.profile("work", s.URL)
		return w, s, nil, []string{"bash", "-o", "pipefail", "-c", "credhelper header " + s.URL + " | curl -sSf -H @- " + s.URL + "/hello"}
	}},
}

func gitRead(t *testing.T, name string) (*world, *site, option, []string) {
	w := newWorld(t)
	s := w.site(w.useGit(name), repositories(t, "app.git"))
	w.profile("work", s.URL)
	w.setup("git")
	return w, s, nil, []string{"git", "ls-remote", s.URL + "/app.git"}
}

// TestFrontAlone: the engine is removed after the first calls. The cached answer does not
// need it, nor its network, keyring or libraries (docs/architecture.md).
func TestFrontAlone(t *testing.T) {
	for _, c := range frontTools {
		t.Run(c.name, func(t *testing.T) {
			w, s, o, argv := c.prepare(t)
			w.ok(o, argv...)
			w.ok(o, argv...) // stamps under 10 ms old are not trusted
			if err := os.Remove(w.bin + "/credhelper-engine"); err != nil {
				t.Fatal(err)
			}
			s.forgetSeen()
			w.ok(o, argv...)
			s.served(t)
			w.requests(1)
		})
	}
	w := newWorld(t)
	w.profile("work", "https://git.example.com")
	if err := os.Remove(w.bin + "/credhelper-engine"); err != nil {
		t.Fatal(err)
	}
	if r := w.fails(nil, "credhelper", "list"); !strings.Contains(r.stderr, "credhelper-engine is missing") {
		t.Errorf("without its engine: %s", r.stderr)
	}
}
