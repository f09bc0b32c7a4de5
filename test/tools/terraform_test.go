//go:build tools

package tools

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// modules is a module registry with the module team/net/local. The archive itself is open:
// Terraform fetches it like any other file.
func modules(start func(string, http.Handler) *site) *site {
	mux := http.NewServeMux()
	s := start("Bearer", mux)
	s.URL = strings.Replace(s.URL, "localhost", "127.0.0.1", 1) // the name of a registry must contain a dot
	s.open = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/archive/") }
	mux.HandleFunc("/.well-known/terraform.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"modules.v1":"/v1/modules/"}`)
	})
	mux.HandleFunc("/v1/modules/team/net/local/versions", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"modules":[{"versions":[{"version":"1.0.0"}]}]}`)
	})
	mux.HandleFunc("/v1/modules/team/net/local/1.0.0/download", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Terraform-Get", s.URL+"/archive/net.tar.gz")
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/archive/net.tar.gz", func(w http.ResponseWriter, r *http.Request) {
		w.Write(archive(map[string]string{"main.tf": "output \"text\" {\n  value = \"from the registry\"\n}\n"}))
	})
	return s
}

// archive returns a .tar.gz of files.
func archive(files map[string]string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for name, content := range files {
		t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg})
		t.Write([]byte(content))
	}
	t.Close()
	z.Close()
	return b.Bytes()
}

// configuration makes a directory that uses the module from a registry.
func (w *world) configuration(folder string, s *site) option {
	w.t.Helper()
	w.write(folder+"/main.tf", `module "net" {
  source  = "`+s.Host()+`/team/net/local"
  version = "1.0.0"
}
`)
	return in(w.home + "/" + folder)
}

// TestTerraform: discovery and registry get the token, another port of the same host gets
// none, and logout succeeds.
func TestTerraform(t *testing.T) {
	w := newWorld(t)
	w.setenv("CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	site := modules(w.site)
	stranger := modules(w.otherPort)
	w.profile("work", site.URL)
	w.setup("terraform")
	t.Log(strings.SplitN(w.ok(nil, "terraform", "version"), "\n", 2)[0])

	w.ok(w.configuration("ours", site), "terraform", "init", "-no-color")
	site.served(t)
	if n := site.refused(); n != 0 {
		t.Errorf("%d requests came without the token", n)
	}
	w.requests(1)

	w.fails(w.configuration("stranger", stranger), "terraform", "init", "-no-color")
	stranger.asked(t)
	w.requests(1)

	w.ok(nil, "terraform", "logout", site.Host())
	w.requests(1)
	w.ok(w.configuration("again", site), "terraform", "init", "-no-color")
	w.requests(1) // in its first minute a token is not replaced
}

// TestTerraformFailure: Terraform does not show the reason of a failure; credhelper's log
// has it.
func TestTerraformFailure(t *testing.T) {
	w := newWorld(t)
	w.setenv("CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	site := modules(w.site)
	w.profile("work", site.URL)
	w.setup("terraform")
	w.refuseSecret()
	w.fails(w.configuration("ours", site), "terraform", "init", "-no-color")
	r := w.fails(all(w.configuration("ours", site), with("TF_LOG=warn")), "terraform", "init", "-no-color")
	if !strings.Contains(r.stderr, "credhelper: ") {
		t.Errorf("not even its log shows the reason: %s", r.stderr)
	}
	if out := w.ok(nil, "credhelper", "log"); !strings.Contains(out, "invalid_client") {
		t.Errorf("credhelper log: %s", out)
	}
}
