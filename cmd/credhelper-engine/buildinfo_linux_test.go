package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/trust"
)

// TestReadBuildInfoOfNoFile: what PATH finds may be anything, and doctor neither waits for
// it nor reads all of it.
func TestReadBuildInfoOfNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe, huge := filepath.Join(dir, "pipe"), filepath.Join(dir, "huge")
	err := errors.Join(syscall.Mkfifo(pipe, 0o755), os.WriteFile(huge, nil, 0o755), os.Truncate(huge, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{pipe: trust.ErrUnsafe, "/dev/zero": trust.ErrUnsafe, dir: trust.ErrUnsafe, huge: trust.ErrTooLarge} {
		if _, err := readBuildInfo(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}
