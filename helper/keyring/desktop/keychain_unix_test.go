//go:build unix

package desktop_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// itemFile is the file of an item of the stand-in.
func itemFile(home, account string) string {
	return filepath.Join(home, "item.credhelper."+account)
}

// openKeychain opens a Keychain whose security is testdata/security. It is a program of its
// own: this test binary, with the race detector in it, starts so slowly that the Keychain's
// time limit would be met.
func openKeychain(t *testing.T) (open func(t *testing.T) keyring.Keyring, home string) {
	t.Helper()
	home = t.TempDir()
	program := filepath.Join(t.TempDir(), "security")
	build := exec.Command("go", "build", "-o", program, "./testdata/security")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	state := filepath.Join(home, "credhelper")
	return func(t *testing.T) keyring.Keyring {
		k, err := desktop.Open(t.Context(), "keychain", desktop.Config{
			State: state, Now: time.Now, SecurityProgram: program, Environ: []string{"HOME=" + home},
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}, home
}

// TestKeychain is the conformance of the Keychain's row with a security that does what
// Apple documents. The real one was never tried.
func TestKeychain(t *testing.T) {
	open, home := openKeychain(t)
	keyringtest.Run(t, keyringtest.Traits{Writers: 3}, open)
	arguments, err := os.ReadFile(filepath.Join(home, "arguments"))
	if err != nil || len(arguments) < 1000 {
		t.Fatalf("%d bytes of arguments, %v: this test is blind", len(arguments), err)
	}
	for line := range strings.Lines(string(arguments)) { // names only
		if !strings.HasPrefix(line, `["-i"]`) && !strings.HasPrefix(line, `["find-generic-password" "-s" "credhelper" "-a" "credhelper-`) &&
			!strings.HasPrefix(line, `["delete-generic-password" "-s" "credhelper" "-a" "credhelper-`) {
			t.Fatalf("arguments %s", line)
		}
	}
}

// TestKeychainIndex: more keys than an item can hold are all listed, and a key that a kill
// left in the index without an item does no harm.
func TestKeychainIndex(t *testing.T) {
	open, home := openKeychain(t)
	k := open(t)
	var keys []string
	for i := range 50 {
		keys = append(keys, fmt.Sprintf("%s%02d%s", keyring.Prefix, i, strings.Repeat("a", 62)))
	}
	for _, key := range keys {
		if err := k.Set(t.Context(), key, secret.New("value")); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := k.Names(t.Context()); err != nil || strings.Join(names, " ") != strings.Join(keys, " ") {
		t.Errorf("%d names, %v", len(names), err)
	}
	if _, err := os.Stat(itemFile(home, "credhelper-index-2")); err != nil {
		t.Errorf("no second part of the index: %v", err)
	}
	if err := os.Remove(itemFile(home, keys[7])); err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(t.Context(), keys[7]); err != nil {
		t.Error(err)
	}
	if names, err := k.Names(t.Context()); err != nil || len(names) != len(keys)-1 {
		t.Errorf("%d names, %v", len(names), err)
	}
	other := base64.StdEncoding.EncodeToString([]byte("another program's"))
	if err := os.WriteFile(itemFile(home, "credhelper-index"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Names(t.Context()); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("an index that is not ours: %v", err)
	}
}

// TestKeychainStates: what the Keychain says is one meaning each, and nothing waits for a
// person.
func TestKeychainStates(t *testing.T) {
	open, home := openKeychain(t)
	const asks = "keychain: the keyring is locked: the Keychain does not open without asking: security unlock-keychain"
	for state, want := range map[string]struct {
		meaning error
		line    string
	}{
		"locked":  {keyring.ErrLocked, asks}, // 36
		"denied":  {keyring.ErrLocked, asks}, // 51
		"prompts": {keyring.ErrLocked, asks},
		"hangs":   {keyring.ErrUnavailable, "the keyring is not available: it did not answer within 3s"},
	} {
		if err := os.WriteFile(filepath.Join(home, "state"), []byte(state), 0o600); err != nil {
			t.Fatal(err)
		}
		k := open(t)
		if _, err := k.Get(t.Context(), keyringtest.Key(1)); !errors.Is(err, want.meaning) || err.Error() != want.line {
			t.Errorf("%s: %v, want %s", state, err, want.line)
		}
		err := k.Set(t.Context(), keyringtest.Key(1), secret.New("c4n4ry"))
		if !errors.Is(err, want.meaning) || err.Error() != want.line {
			t.Errorf("%s: Set: %v, want %s", state, err, want.line)
		}
	}
	if err := os.Remove(filepath.Join(home, "state")); err != nil {
		t.Fatal(err)
	}
	item := itemFile(home, keyringtest.Key(1))
	if err := os.WriteFile(item, []byte("typed by somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t).Get(t.Context(), keyringtest.Key(1)); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("an item that is not ours: %v", err)
	}
}
