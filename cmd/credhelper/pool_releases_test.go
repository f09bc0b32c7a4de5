//go:build linux && namespaces

package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// release builds the engine as a later release will be: one that writes a version of
// values to the store, and reads that and another one. It returns the directory of its
// executables.
func release(t *testing.T, writes, reads string) (dir string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(root, "helper/pool/pool.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(strings.Replace(string(text), "\tVersion = 1 //", "\tVersion = "+writes+" //", 1), "\tNewest  = 1 //", "\tNewest  = "+reads+" //", 1)
	if later == string(text) {
		t.Fatal("helper/pool/pool.go has no such constants: the test is blind")
	}
	dir = t.TempDir()
	changed, overlay := filepath.Join(t.TempDir(), "pool.go"), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{changed: later, overlay: string(replace)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := borrow(bin, dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append(append([]string{"build"}, program.Flags(runtime.GOOS, runtime.GOARCH)...), "-overlay", overlay, "-o", dir+"/", "./cmd/credhelper-engine")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// TestPoolReleases: hosts of two releases that follow each other share tokens, whichever
// of them asks. The older of two others is told, keeps the token that it has, and nothing
// of what the newer one wrote is lost.
func TestPoolReleases(t *testing.T) {
	f := newFleet(t, pooltest.StartServer(t), 3, "")
	today, next, after := f.homes[0], f.homes[1], f.homes[2]
	next.Bin, after.Bin = release(t, "1", "2"), release(t, "2", "2")
	two := &fleet{homes: []*program.Home{today, next}}
	oneToken(t, two.together(t, patiently...))
	for _, h := range two.homes { // each writes what the other one reads
		if out, err := h.Run("", "pool", "renew", "jama"); err != nil {
			t.Fatalf("%s %v", out, err)
		}
		for _, other := range two.homes {
			if err := other.Empty(); err != nil {
				t.Fatal(err)
			}
		}
		oneToken(t, two.together(t, patiently...))
	}
	if n := f.requests(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	had := oneToken(t, f.together(t, patiently...)) // the newest one reads what they wrote
	if out, err := after.Run("", "pool", "renew", "jama"); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	if err := next.Empty(); err != nil {
		t.Fatal(err)
	}
	newest := oneToken(t, (&fleet{homes: []*program.Home{next, after}}).together(t, patiently...))
	if value := f.store.Do(t, "--raw", "HGET", f.names(t)[0], "entry"); newest == had || !strings.HasPrefix(value, "CRP2") {
		t.Errorf("the value begins with %q", value[:4])
	}
	if r := finish(t, today.Command(patiently...)); r.code != 0 || r.token() != had {
		t.Errorf("the token that it has: %+v", r)
	}
	if err := today.Empty(); err != nil {
		t.Fatal(err)
	}
	r := finish(t, today.Command(patiently...))
	if sane(t, "an older release", r); r.code != 9 || !strings.Contains(r.stderr, "a newer release of credhelper writes to the store: version 2, and this one reads 1") {
		t.Errorf("%+v", r)
	}
	if err := after.Empty(); err != nil {
		t.Fatal(err)
	}
	if r := finish(t, after.Command(patiently...)); r.token() != newest || f.requests() != 4 {
		t.Errorf("%+v, %d requests, want 4", r, f.requests())
	}
}
