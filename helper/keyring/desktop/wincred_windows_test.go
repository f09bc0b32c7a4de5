package desktop_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danieljoos/wincred"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// openWinCred opens the user's own credentials, with a state directory of its own.
func openWinCred(t *testing.T, state string) keyring.Keyring {
	t.Helper()
	k, err := desktop.Open(t.Context(), "wincred", desktop.Config{State: state, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestWinCred is the conformance of the Credential Manager, among what other programs have
// stored there.
func TestWinCred(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	keyringtest.Run(t, keyringtest.Traits{Writers: 8, Plant: func(t *testing.T) {
		for _, name := range []string{"git:https://git.example.com", "credhelper-", "credhelper-no key of ours", "credhelper"} {
			c := wincred.NewGenericCredential(name)
			c.CredentialBlob = []byte("somebody's")
			if err := c.Write(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Delete() })
		}
	}}, func(t *testing.T) keyring.Keyring { return openWinCred(t, state) })
}

// TestWinCredLimit: Windows stores 2,560 bytes in a credential, and Wine more. A longer
// secret is sealed in a file, and its key is in the credential.
func TestWinCredLimit(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	k, key := openWinCred(t, state), keyringtest.Key(1)
	t.Cleanup(func() { _ = k.Delete(context.Background(), key) })
	for _, c := range []struct {
		length int
		sealed int // files
	}{{1, 0}, {2560, 0}, {2561, 1}, {keyring.MaxSecret, 1}, {2560, 0}} {
		value := strings.Repeat("s", c.length)
		if err := k.Set(t.Context(), key, secret.New(value)); err != nil {
			t.Fatalf("%d bytes: %v", c.length, err)
		}
		if got, err := openWinCred(t, state).Get(t.Context(), key); err != nil || got.Reveal() != value {
			t.Errorf("%d bytes: %d came back, %v", c.length, got.Len(), err)
		}
		stored, err := wincred.GetGenericCredential(key)
		if err != nil || len(stored.CredentialBlob) > 2560 || stored.Persist != wincred.PersistLocalMachine {
			t.Errorf("%d bytes: %v, a credential of %d bytes, kept as %v", c.length, err, len(stored.CredentialBlob), stored.Persist)
		}
		files, _ := filepath.Glob(filepath.Join(state, "oversize", "*.sealed"))
		if len(files) != c.sealed {
			t.Errorf("%d bytes: files %q", c.length, files)
		}
		for _, file := range files {
			if content, err := os.ReadFile(file); err != nil || strings.Contains(string(content), "ssss") {
				t.Errorf("%s: %v, or the secret in clear", file, err)
			}
		}
	}
}

// TestWinCredOfAnother: what another program has stored under our name is told from a
// secret of ours, if it can be.
func TestWinCredOfAnother(t *testing.T) {
	k, key := openWinCred(t, filepath.Join(t.TempDir(), "state")), keyringtest.Key(2)
	c := wincred.NewGenericCredential(key)
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete() })
	if _, err := k.Get(t.Context(), key); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("an empty credential: %v, want ErrDamaged", err)
	}
	if err := desktop.DefaultAnswers(t.Context()); err != nil || desktop.Default != "wincred" {
		t.Errorf("%s: %v", desktop.Default, err)
	}
}
