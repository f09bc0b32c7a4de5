//go:build tools

package tools

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// npmRegistry has the package demo.
func npmRegistry(start func(string, http.Handler) *site) *site {
	tarball := archive(map[string]string{"package/package.json": `{"name":"demo","version":"1.0.0"}`})
	sum := sha512.Sum512(tarball)
	mux := http.NewServeMux()
	s := start("Bearer", mux)
	mux.HandleFunc("/demo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"name":"demo","dist-tags":{"latest":"1.0.0"},"time":{"1.0.0":"2024-01-01T00:00:00.000Z"},"versions":{"1.0.0":{"name":"demo","version":"1.0.0","dist":{"tarball":"%s/demo/-/demo-1.0.0.tgz","integrity":"sha512-%s"}}}}`,
			s.URL, base64.StdEncoding.EncodeToString(sum[:]))
	})
	mux.HandleFunc("/demo/-/demo-1.0.0.tgz", func(w http.ResponseWriter, r *http.Request) { w.Write(tarball) })
	return s
}

// project makes a directory with a package.json.
func (w *world) project(folder string) option {
	w.t.Helper()
	w.write(folder+"/package.json", `{"name":"app","version":"1.0.0","private":true}`)
	return in(w.home + "/" + folder)
}

// nodeWorld is a world with one of the installed programs first in PATH.
func nodeWorld(t *testing.T, variable string) *world {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Fatalf("%s is not set: run scripts/test-tools", variable)
	}
	w := newWorld(t)
	w.setenv("PATH="+w.bin+":"+w.home+"/.local/bin:"+dir+":"+os.Getenv("PATH"), "NODE_EXTRA_CA_CERTS="+authorityFile(), "CI=", "NO_COLOR=1")
	return w
}

// TestPnpm: up to pnpm 10, tokenHelper is a path without arguments, and its output is the
// whole header; 11 and later would add a missing scheme. The same answer is right for both.
func TestPnpm(t *testing.T) {
	for _, variable := range []string{"TOOL_PNPM10", "TOOL_PNPM12"} {
		t.Run(variable, func(t *testing.T) {
			w := nodeWorld(t, variable)
			site, stranger := npmRegistry(w.site), npmRegistry(w.stranger)
			w.profile("work", site.URL)
			w.setup("pnpm", "work")
			w.append(".npmrc", "cafile="+authorityFile()+"\nfetch-retries=0\nupdate-notifier=false\n")
			t.Log(strings.TrimSpace(w.ok(nil, "pnpm", "--version")))
			w.ok(w.project("app"), "pnpm", "add", "demo", "--registry", site.URL+"/")
			if n := site.served(t); n < 2 {
				t.Errorf("only %d requests with the token: the tarball came without", n)
			}
			if n := site.refused(); n != 0 {
				t.Errorf("%d requests came without the token", n)
			}
			w.requests(1)
			w.fails(w.project("other"), "pnpm", "add", "demo", "--registry", stranger.URL+"/")
			stranger.asked(t)
		})
	}
}

// TestYarn: Yarn asks a plugin of the project, which runs credhelper with the registry's
// URL.
func TestYarn(t *testing.T) {
	w := nodeWorld(t, "TOOL_YARN")
	ours, stranger := npmRegistry(w.site), npmRegistry(w.stranger)
	w.profile("work", ours.URL)
	t.Log(strings.TrimSpace(w.ok(nil, "yarn", "--version")))
	add := func(folder string, s *site) result {
		where := w.project(folder)
		w.write(folder+"/yarn.lock", "")
		w.write(folder+"/.yarnrc.yml", "npmRegistryServer: \""+s.URL+"\"\nhttpsCaFilePath: \""+authorityFile()+"\"\n"+
			"enableTelemetry: false\nenableGlobalCache: false\nnodeLinker: node-modules\nnpmMinimalAgeGate: 0\nhttpRetry: 0\n")
		if err := os.MkdirAll(w.home+"/"+folder+"/.yarn", 0o700); err != nil {
			t.Fatal(err)
		}
		w.ok(where, "sh", "-euc", w.printed("yarn", "work"))
		return w.run(where, "yarn", "add", "demo")
	}
	if r := add("app", ours); r.code != 0 {
		t.Fatalf("yarn add: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if n := ours.served(t); n < 2 {
		t.Errorf("only %d requests with the token: the tarball came without", n)
	}
	w.requests(1)
	if r := add("other", stranger); r.code == 0 {
		t.Error("another registry was content")
	}
	stranger.asked(t)
	w.requests(1)
}

// TestNpm: npm itself runs no command: the token is in a variable while it runs.
func TestNpm(t *testing.T) {
	w := nodeWorld(t, "TOOL_YARN")
	site, stranger := npmRegistry(w.site), npmRegistry(w.stranger)
	w.profile("work", site.URL)
	w.write(".npmrc", "cafile="+authorityFile()+"\nupdate-notifier=false\naudit=false\nfund=false\nfetch-retries=0\n")
	install := func(registry string) string {
		return strings.Replace(w.printed("npm", "work"), "npm install\n", "npm install demo --registry "+registry+"/\n", 1)
	}
	w.ok(w.project("app"), "sh", "-euc", install(site.URL))
	site.served(t)
	w.fails(w.project("other"), "sh", "-euc", install(stranger.URL))
	stranger.asked(t)
}
