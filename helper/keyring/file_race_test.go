//go:build unix

package keyring_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestFirstUseByMany: if several processes set up the keyring at once, there is one key
// afterwards, and no secret is lost.
func TestFirstUseByMany(t *testing.T) {
	h := newHome(t)
	var all sync.WaitGroup
	for n := range 10 {
		f := h.open(t)
		all.Go(func() {
			if err := errors.Join(f.UseKeyFile(t.Context()), f.Set(t.Context(), keyringtest.Key(n), secret.New("value"))); err != nil {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	all.Wait()
	later := h.open(t)
	for n := range 10 {
		wantValue(t, later, n, "value")
	}
}

// TestFolderSwappedForLink (T17): while the directory is exchanged for a link to another one
// as fast as possible, nothing is ever written to or read from the other.
func TestFolderSwappedForLink(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "value")
	target := filepath.Join(t.TempDir(), "target")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := copyAs(filepath.Join(target, filepath.Base(h.item(2))), h.item(1), 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, target)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			_ = os.Rename(h.config.Dir, h.config.Dir+".real")
			_ = os.Symlink(target, h.config.Dir)
			_ = os.Remove(h.config.Dir)
			_ = os.Rename(h.config.Dir+".real", h.config.Dir)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	refused := 0
	for range 400 {
		err := f.Set(t.Context(), keyringtest.Key(1), secret.New("value"))
		if err != nil {
			refused++
			if !errors.Is(err, keyring.ErrUnsafe) && !errors.Is(err, keyring.ErrUnavailable) && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("Set: %v", err)
			}
		}
		if _, err := f.Get(t.Context(), keyringtest.Key(2)); err == nil || errors.Is(err, keyring.ErrDamaged) {
			t.Fatalf("the other folder was read: %v", err)
		}
	}
	close(stop)
	<-stopped
	after := snapshot(t, target)
	if len(after) != len(before) {
		t.Errorf("the other folder holds %d files, had %d", len(after), len(before))
	}
	t.Logf("%d of 400 writes were refused", refused)
}
