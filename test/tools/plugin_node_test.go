//go:build tools

package tools

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// pluginOf returns the process ids of a world's plugins.
func pluginOf(w *world) (pids []int) {
	w.t.Helper()
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if text, _ := os.ReadFile(path); bytes.HasPrefix(text, []byte(w.bin+"/")) && bytes.HasSuffix(text, []byte("\x00plugin\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestNodePlugin: a connector with Node.js and gRPC, but neither Go nor go-plugin, can use
// credhelper plugin, too: it continues after a token was revoked and after the plugin was
// killed, and ends the plugin when it ends.
func TestNodePlugin(t *testing.T) {
	w := newWorld(t)
	packages := os.Getenv("TOOL_NODE_PLUGIN")
	if packages == "" {
		t.Fatal("TOOL_NODE_PLUGIN is not set: run scripts/test-tools")
	}
	const files = "../../"
	copied := []string{"examples/node-plugin/ask.mjs", "examples/node-plugin/credhelper.mjs", "protocol/connector/contract/connector.proto"}
	for _, name := range copied {
		text, err := os.ReadFile(files + name)
		if err != nil {
			t.Fatal(err)
		}
		w.write(name, string(text))
	}
	if err := os.Symlink(packages, w.home+"/examples/node-plugin/node_modules"); err != nil {
		t.Fatal(err)
	}

	pids := map[int]bool{}
	site := w.site("Bearer", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for _, pid := range pluginOf(w) {
			pids[pid] = true
			// Only root may read the environment of a process that has hardened itself.
			if environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); bytes.Contains(environ, []byte("canary")) {
				t.Error("the plugin has what is the connector's own")
			}
			if r.URL.Path == "/kill" {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		}
		if r.URL.Path == "/revoke" {
			w.revoke()
		}
		fmt.Fprintln(rw, "hello", r.URL.Path)
	}))
	stranger := w.stranger("Bearer", http.NotFoundHandler())
	w.profile("work", site.URL)
	ask := func(paths ...string) result {
		argv := []string{"node", w.home + "/examples/node-plugin/ask.mjs"}
		for _, path := range paths {
			if strings.HasPrefix(path, "/") {
				path = site.URL + path
			}
			argv = append(argv, path)
		}
		return w.run(with("NODE_EXTRA_CA_CERTS="+authorityFile(), "CONNECTORS_OWN_SECRET=canary"), argv...)
	}

	r := ask("/one", "/revoke", "/three", "/kill", "/five")
	if want := "200 hello /one\n200 hello /revoke\n200 hello /three\n200 hello /kill\n200 hello /five\n"; r.code != 0 || r.stdout != want {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if n := site.refused(); n != 1 {
		t.Errorf("%d requests were refused, want the one after the revocation", n)
	}
	w.requests(2)
	if len(pids) != 2 {
		t.Errorf("%d plugins were seen, want the one that was killed and another", len(pids))
	}
	if left := pluginOf(w); len(left) != 0 {
		t.Errorf("these plugins live on: %v", left)
	}
	if r := ask(stranger.URL + "/"); r.code != 1 || !strings.HasPrefix(r.stderr, "NO_PROFILE: ") {
		t.Errorf("a stranger: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if n := len(stranger.requests()); n != 0 {
		t.Errorf("the stranger was asked %d times", n)
	}
}
