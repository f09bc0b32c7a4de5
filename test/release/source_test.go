//go:build release

package release

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// quicker is what README adds to both lines on Linux, for a front that starts as fast as a
// released one.
const quicker = `-ldflags='github.com/credhelper/credhelper/cmd/credhelper=-s -w -funcalign=8 -E=credhelper_entry'`

// TestSource: the source archive, built without git as distributions do, knows its
// version, in all three executables.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	out, err := said(dir, "sh", "-ec", `tar --strip-components=1 -xzf "$1" && test ! -e .git
GOFLAGS= CGO_ENABLED=0 go build -buildvcs=false -trimpath -tags=grpcnotrace,nethttpomithttp2 -ldflags='-s -w -funcalign=8' `+quicker+` -o bin/ ./cmd/...
export CREDHELPER_HOME="$PWD"
bin/credhelper version
bin/credhelper doctor`, "sh", filepath.Join(dist, "credhelper_"+number()+"_source.tar.gz"))
	for _, w := range []string{"credhelper " + version + " (go", version + " in " + filepath.Join(dir, "bin/credhelper-engine"), version + " in " + filepath.Join(dir, "bin/credhelper-plugin")} {
		if !strings.Contains(out, w) {
			t.Errorf("no %q: %v\n%s", w, err, out)
		}
	}
}

// TestGoInstall: the line of README, from a module proxy.
func TestGoInstall(t *testing.T) {
	const module = "github.com/credhelper/credhelper"
	proxy, bin := t.TempDir(), t.TempDir()
	at := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"list": []byte(version + "\n"), version + ".zip": moduleZip(t, module), version + ".mod": read(t, "../../go.mod"), version + ".info": []byte(`{"Version":"` + version + `","Time":"2026-01-01T00:00:00Z"}`),
	} {
		if err := os.WriteFile(filepath.Join(at, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const line = "CGO_ENABLED=0 go install -trimpath -tags=grpcnotrace,nethttpomithttp2 -ldflags='-s -w -funcalign=8' " + module + "/cmd/...@latest\n"
	for _, says := range []string{line, "\n`" + quicker + "`\n"} {
		if !strings.Contains(string(read(t, "../../README.md")), says) {
			t.Errorf("README.md does not say %s", says)
		}
	}
	cmd := exec.Command("sh", "-c", strings.Replace(line, " "+module, " "+quicker+" "+module, 1))
	cmd.Dir = bin
	// The other modules come from this machine's cache, where go.sum has verified them.
	cmd.Env = append(os.Environ(), "GOFLAGS=-modcacherw", "GOBIN="+bin, "GOMODCACHE="+t.TempDir(), "GOSUMDB=off", "GOPROXY=file://"+proxy+",file://"+modules(t)+"/cache/download")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct{ args, says string }{
		{"version", "credhelper " + version + " (go"},
		{"help token", "credhelper token NAME|URL"},
		{"help grants", "https://github.com/credhelper/credhelper/tree/" + version + "/docs"},
		{"doctor", version + " in " + bin + "/credhelper-plugin"},
	} {
		call := exec.Command(filepath.Join(bin, "credhelper"), strings.Fields(c.args)...)
		call.Env = []string{"CREDHELPER_HOME=" + t.TempDir()}
		if out, err := call.CombinedOutput(); !strings.Contains(string(out), c.says) {
			t.Errorf("%s: %v, no %q in\n%s", c.args, err, c.says, out)
		}
	}
}

// modules returns this machine's module cache.
func modules(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// moduleZip returns the module as a proxy serves it: what is committed, without the modules
// nested in it.
func moduleZip(t *testing.T, module string) []byte {
	t.Helper()
	list, err := exec.Command("git", "-c", "safe.directory=*", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		info, err := os.Lstat("../../" + name)
		if strings.HasPrefix(name, "test/") || err != nil || !info.Mode().IsRegular() {
			continue
		}
		f, err := w.Create(fmt.Sprintf("%s@%s/%s", module, version, name))
		if err == nil {
			_, err = f.Write(read(t, "../../"+name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
