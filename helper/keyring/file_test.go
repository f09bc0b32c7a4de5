package keyring_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// canary is a secret that no error and no file may contain.
const canary = "c4n4ry-s3cr3t-0123456789"

// home is a throw-away home with a file keyring in it.
type home struct {
	config keyring.FileConfig
	slept  []time.Duration
	now    time.Time
}

func newHome(t *testing.T) *home {
	t.Helper()
	base := t.TempDir()
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	h := &home{now: time.Now()}
	h.config = keyring.FileConfig{
		Dir:        filepath.Join(base, "data", "keyring"),
		KeyFile:    filepath.Join(base, "state", "keyring.key"),
		Home:       hex.EncodeToString(id),
		WorkFactor: 2, // the real one takes 0.3 s; TestWorkFactor tests it
		Now:        func() time.Time { return h.now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			h.slept = append(h.slept, d)
			h.now = h.now.Add(d)
			return ctx.Err()
		},
	}
	t.Cleanup(func() { // or the key would stay in the kernel
		if f, err := keyring.OpenFile(h.config); err == nil {
			_ = f.Lock(context.Background())
		}
	})
	return h
}

func (h *home) open(t *testing.T) *keyring.File {
	t.Helper()
	f, err := keyring.OpenFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (h *home) item(n int) string {
	return filepath.Join(h.config.Dir, keyringtest.Key(n)+".age")
}

// withKeyFile opens a home whose keyring has a key file.
func withKeyFile(t *testing.T) (*home, *keyring.File) {
	t.Helper()
	h := newHome(t)
	f := h.open(t)
	if err := f.UseKeyFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h, f
}

// withPassphrase opens a home whose keyring has the passphrase "correct horse".
func withPassphrase(t *testing.T) (*home, *keyring.File) {
	t.Helper()
	h := newHome(t)
	f := h.open(t)
	if err := f.UsePassphrase(t.Context(), secret.New("correct horse")); err != nil {
		t.Fatal(err)
	}
	return h, f
}

func set(t *testing.T, k keyring.Keyring, n int, value string) {
	t.Helper()
	if err := k.Set(t.Context(), keyringtest.Key(n), secret.New(value)); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t *testing.T, k keyring.Keyring, n int, want string) {
	t.Helper()
	got, err := k.Get(t.Context(), keyringtest.Key(n))
	if err != nil || got.Reveal() != want {
		t.Errorf("Get: %d bytes, %v; want %d bytes", got.Len(), err, len(want))
	}
}

func wantError(t *testing.T, err, want error, says ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v; want %v", err, want)
		return
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q shows a secret or has two lines", err)
	}
}

// TestFileConformance is the conformance of the encrypted file, by each way to open it,
// among files that are no items.
func TestFileConformance(t *testing.T) {
	plant := func(h *home) func(t *testing.T) {
		return func(t *testing.T) { // things that are not items
			for _, name := range []string{"notes.age", "credhelper-XY.age", "credhelper-ab", "credhelper-ab.age~"} {
				if err := os.WriteFile(filepath.Join(h.config.Dir, name), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Run("key file", func(t *testing.T) {
		h, _ := withKeyFile(t)
		keyringtest.Run(t, keyringtest.Traits{Writers: 50, Plant: plant(h)}, func(t *testing.T) keyring.Keyring { return h.open(t) })
	})
	t.Run("passphrase", func(t *testing.T) {
		h, _ := withPassphrase(t)
		keyringtest.Run(t, keyringtest.Traits{Writers: 50, Plant: plant(h)}, func(t *testing.T) keyring.Keyring {
			f := h.open(t)
			if err := f.Unlock(t.Context(), secret.New("correct horse"), 0); err != nil {
				t.Fatal(err)
			}
			return f
		})
	})
	t.Run("systemd credential", func(t *testing.T) {
		h, _ := withPassphrase(t)
		h.config.Credential = filepath.Join(t.TempDir(), "passphrase")
		if err := os.WriteFile(h.config.Credential, []byte("correct horse\n"), 0o400); err != nil {
			t.Fatal(err)
		}
		keyringtest.Run(t, keyringtest.Traits{Writers: 50}, func(t *testing.T) keyring.Keyring { return h.open(t) })
	})
	t.Run("with a deadline, read back, oversize sealed", func(t *testing.T) {
		h, _ := withKeyFile(t)
		keyringtest.Run(t, keyringtest.Traits{Writers: 4}, func(t *testing.T) keyring.Keyring {
			small, err := keyring.SealOversize(h.open(t), 256, filepath.Join(filepath.Dir(h.config.KeyFile), "oversize"), h.config.Now)
			if err != nil {
				t.Fatal(err)
			}
			return keyring.WithDeadline(keyring.WithOneWriter(keyring.WithReadBack(small), filepath.Dir(h.config.KeyFile)), time.Minute)
		})
	})
}
