//go:build wine

package windows

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// packages are those whose tests run on Windows as they are: the others start sh, mkdir or
// curl, or test modes and owners. With -short the first six are tested.
var packages = []string{
	"protocol", "protocol/origin", "protocol/strictjson", "protocol/lines", "helper/config", "helper/logfile",
	"protocol/secret", "protocol/printable", "protocol/retryafter", "helper/failure", "helper/oauth/oauthtest",
}

// TestPackages runs their tests, compiled for Windows.
func TestPackages(t *testing.T) {
	list := packages
	if testing.Short() {
		list = list[:6]
	}
	for _, name := range list {
		t.Run(name, func(t *testing.T) {
			test := filepath.Join(t.TempDir(), "test.exe")
			build := exec.Command("go", "test", "-c", "-overlay", os.Getenv("WINDOWS_OVERLAY"), "-o", test, "./"+name)
			build.Dir, build.Env = "../..", append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			defer cancel()
			run := exec.CommandContext(ctx, "wine", test, "-test.short", "-test.v")
			run.Dir, run.WaitDelay = filepath.Join("../..", name), time.Second
			out, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			has(t, string(out), "--- PASS", "PASS\n")
		})
	}
}
