//go:build tools

package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// crates is a registry with a sparse index that demands a token for everything. It has the
// crate demo, and app once that was published.
func crates(start func(string, http.Handler) *site) *site {
	mux := http.NewServeMux()
	s := start("Bearer", mux)
	crate := archive(map[string]string{
		"demo-1.0.0/Cargo.toml": "[package]\nname = \"demo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
		"demo-1.0.0/src/lib.rs": "",
	})
	sum := sha256.Sum256(crate)
	entry := `{"name":%q,"vers":"1.0.0","deps":[],"cksum":"` + hex.EncodeToString(sum[:]) + `","features":{},"yanked":false}` + "\n"
	var published atomic.Bool
	mux.HandleFunc("GET /index/config.json", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"dl":"%s/dl/{crate}/{version}","api":"%s","auth-required":true}`, s.URL, s.URL)
	})
	mux.HandleFunc("GET /index/de/mo/demo", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, entry, "demo") })
	mux.HandleFunc("GET /index/3/a/app", func(w http.ResponseWriter, r *http.Request) {
		if !published.Load() {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, entry, "app")
	})
	mux.HandleFunc("GET /dl/demo/1.0.0", func(w http.ResponseWriter, r *http.Request) { w.Write(crate) })
	mux.HandleFunc("PUT /api/v1/crates/new", func(w http.ResponseWriter, r *http.Request) {
		published.Store(true)
		fmt.Fprintln(w, `{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}`)
	})
	mux.HandleFunc("GET /api/v1/crates/demo/owners", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"users":[{"id":1,"login":"somebody","name":null}]}`)
	})
	return s
}

// cargoWorld is a world where cargo finds its own toolchain, and two registries.
func cargoWorld(t *testing.T) (w *world, ours, stranger *site) {
	t.Helper()
	w = newWorld(t)
	cargo, err := exec.Command("rustup", "which", "cargo").Output()
	if err != nil {
		if cargo, err = exec.Command("sh", "-c", "command -v cargo").Output(); err != nil {
			t.Fatal("cargo is missing")
		}
	}
	toolchain := filepath.Dir(strings.TrimSpace(string(cargo)))
	w.setenv("PATH="+w.bin+":"+toolchain+":/usr/bin:/bin", "CARGO_HTTP_CAINFO="+authorityFile(), "CARGO_TERM_COLOR=never")
	t.Log(strings.TrimSpace(w.ok(nil, "cargo", "--version")))
	ours, stranger = crates(w.site), crates(w.otherPort)
	w.write(".cargo/config.toml", "[registries.mine]\nindex = \"sparse+"+ours.URL+"/index/\"\n"+
		"[registries.other]\nindex = \"sparse+"+stranger.URL+"/index/\"\n")
	return w, ours, stranger
}

// crate makes a crate that depends on demo from a registry.
func (w *world) crate(folder, registry string) option {
	w.t.Helper()
	w.write(folder+"/Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\ndescription = \"a\"\nlicense = \"MIT\"\n"+
		"[dependencies]\ndemo = { version = \"1\", registry = \""+registry+"\" }\n")
	w.write(folder+"/src/lib.rs", "")
	return in(w.home + "/" + folder)
}

// TestCargo: reading, publishing and listing owners with one token. Another registry is
// left to cargo's next provider (docs/dialects/README.md: url-not-supported).
func TestCargo(t *testing.T) {
	w, site, stranger := cargoWorld(t)
	w.profile("work", site.URL)
	w.setup("cargo")
	app := w.crate("app", "mine")
	w.ok(app, "cargo", "fetch")
	w.ok(app, "cargo", "publish", "--no-verify", "--allow-dirty", "--registry", "mine")
	if out := w.ok(app, "cargo", "owner", "--list", "--registry", "mine", "demo"); !strings.Contains(out, "somebody") {
		t.Errorf("owners: %s", out)
	}
	site.served(t)
	w.requests(1)

	r := w.fails(w.crate("other", "other"), "cargo", "fetch")
	if strings.Contains(r.stderr, "credhelper: ") {
		t.Errorf("somebody else's registry is no matter of ours, but: %s", r.stderr)
	}
	stranger.asked(t)
	w.requests(1)
}

// TestCargoLoginLogout: logout succeeds; login has nothing to store, and says what to type.
func TestCargoLoginLogout(t *testing.T) {
	w, site, _ := cargoWorld(t)
	w.profile("work", site.URL)
	w.setup("cargo")
	app := w.crate("app", "mine")
	w.ok(app, "cargo", "fetch")
	// The token is revoked: cargo says to log in, and our answer to that says what to type
	// (X3).
	w.auth.RevokeAll()
	if r := w.fails(app, "cargo", "owner", "--list", "--registry", "mine", "demo"); !strings.Contains(r.stderr, "cargo login") {
		t.Errorf("cargo says something else after a 401: %s", r.stderr)
	}
	r := w.run(all(app, input("a-token\n")), "cargo", "login", "--registry", "mine")
	t.Logf("cargo login: exit %d %s", r.code, r.stderr)
	if r.code == 0 || !strings.Contains(r.stderr, "credhelper token NAME --refresh") {
		t.Errorf("cargo login: exit %d %s", r.code, r.stderr)
	}
	w.requests(1)
	w.ok(nil, "credhelper", "token", "work", "--refresh")
	w.ok(app, "cargo", "owner", "--list", "--registry", "mine", "demo")
	w.requests(2)
	w.ok(app, "cargo", "logout", "--registry", "mine")
	w.ok(app, "cargo", "owner", "--list", "--registry", "mine", "demo")
	w.requests(2) // a token is not replaced in its first minute
}

// TestCargoProviders: a provider for one registry in cargo's own settings: ours with its
// profile in the arguments, which narrows and cannot make another registry ours (O14), and
// cargo's built-in one, which runs a command without arguments and names the registry in a
// variable (the dialect is chosen by it).
func TestCargoProviders(t *testing.T) {
	for name, provider := range map[string]string{
		"ours":        `["LINK", "--profile", "work"]`,
		"from stdout": `["cargo:token-from-stdout", "credhelper"]`,
	} {
		t.Run(name, func(t *testing.T) {
			w, site, stranger := cargoWorld(t)
			w.profile("work", site.URL)
			setting := "credential-provider = " + strings.Replace(provider, "LINK", w.link("cargo-credential-credhelper"), 1) + "\n"
			w.write(".cargo/config.toml", "[registries.mine]\nindex = \"sparse+"+site.URL+"/index/\"\n"+setting+
				"[registries.other]\nindex = \"sparse+"+stranger.URL+"/index/\"\n"+setting)
			w.ok(w.crate("app", "mine"), "cargo", "fetch")
			site.served(t)
			w.fails(w.crate("other", "other"), "cargo", "fetch")
			stranger.asked(t)
			w.requests(1)
		})
	}
}

// TestCargoFailure: cargo shows the reason of a failure.
func TestCargoFailure(t *testing.T) {
	w, site, _ := cargoWorld(t)
	w.profile("work", site.URL)
	w.setup("cargo")
	w.refuseSecret()
	r := w.fails(w.crate("app", "mine"), "cargo", "fetch")
	r.shows(t, "credhelper: ")
}
