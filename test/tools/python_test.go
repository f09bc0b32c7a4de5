//go:build tools

package tools

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// packages is a Python package index with the package demo.
func packages(start func(string, http.Handler) *site) *site {
	const wheel = "demo-1.0-py3-none-any.whl"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"demo.py":                     "",
		"demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
		"demo-1.0.dist-info/WHEEL":    "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"demo-1.0.dist-info/RECORD":   "",
	} {
		f, _ := z.Create(name)
		f.Write([]byte(content))
	}
	z.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/simple/demo/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><html><body><a href="/files/%s">%s</a></body></html>`, wheel, wheel)
	})
	mux.HandleFunc("/files/"+wheel, func(w http.ResponseWriter, r *http.Request) { w.Write(b.Bytes()) })
	return start("Basic", mux)
}

// TestPip: pip supports only Basic, and runs the command keyring after a 401. This is the
// form up to pip 26.1, `keyring get SERVICE USER`, which needs a user name in the URL; the
// later form is in the vectors.
func TestPip(t *testing.T) {
	w := newWorld(t)
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal("python3 is missing")
	}
	w.setenv("PIP_CERT="+authorityFile(), "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_CACHE_DIR=1",
		"PIP_RETRIES=0", "PYTHONNOUSERSITE=1", "PATH="+w.bin+":"+w.home+"/.local/bin:/usr/bin:/bin")
	site, stranger := packages(w.site), packages(w.stranger)
	w.profile("work", site.URL)
	w.setup("pip", "work")
	download := []string{strings.TrimSpace(string(python)), "-m", "pip", "download", "--no-deps", "-d", w.home, "demo"}
	pip := func(index string) []string {
		index = strings.Replace(index, "://", "://oauth2@", 1)
		return append(download[:len(download):len(download)], "--index-url", index+"/simple/")
	}
	t.Log(strings.TrimSpace(w.ok(nil, strings.TrimSpace(string(python)), "-m", "pip", "--version")))
	w.ok(nil, pip(site.URL)...)
	site.served(t)
	w.requests(1)
	site.forgetSeen()
	w.ok(nil, download...) // by the index that setup wrote
	site.served(t)
	w.fails(nil, pip(stranger.URL)...)
	stranger.asked(t)
	w.requests(1)

	// The profile's own host, but with http: pip asks for the URL, is refused, and asks for
	// the host, which must get nothing, because pip would send it (S2).
	clear := packages(w.plainSite).mustGetNothing()
	host := strings.Replace(clear.Host(), "127.0.0.1", "localhost", 1)
	w.profile("clear", "https://"+host)
	r := w.fails(nil, pip("http://"+host)...)
	clear.asked(t)
	if !strings.Contains(r.stderr, "names no scheme") {
		t.Errorf("pip did not ask for the host alone, so nothing was shown:\n%s", r.stderr)
	}
	w.requests(1)

	// A failure is not a password: only the user name is sent.
	w.ok(nil, "credhelper", "cache", "clear", "work")
	w.refuseSecret()
	site.forgetSeen()
	w.fails(nil, pip(site.URL)...)
	site.asked(t)
	site.gotNothing(t)
}
