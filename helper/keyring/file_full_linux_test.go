package keyring_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestDiskFull (F2, F3): if a write ends early, the old secret stays and no partial file is
// left. A limit on the size of files stands in for the disk: the first kilobyte is written,
// the rest fails.
func TestDiskFull(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "old")
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	small := old
	small.Cur = 1024
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err := f.Set(t.Context(), keyringtest.Key(1), secret.New(strings.Repeat(canary, 1000)))
	if restore := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); restore != nil {
		t.Fatal(restore)
	}
	wantError(t, err, keyring.ErrUnavailable, "file too large")
	wantValue(t, f, 1, "old")
	entries, err := os.ReadDir(h.config.Dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".tmp-") {
			t.Errorf("%s is left", entry.Name())
		}
	}
	set(t, f, 1, "new")
	wantValue(t, f, 1, "new")
}
