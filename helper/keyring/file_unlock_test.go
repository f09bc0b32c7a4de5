package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// bg is the context of child processes, which have no test.
var bg = context.Background()

// sweepConfig is a keyring below base with the real clock.
func sweepConfig(base string) keyring.FileConfig {
	return keyring.FileConfig{
		Dir: filepath.Join(base, "keyring"), KeyFile: filepath.Join(base, "state", "keyring.key"),
		Now: time.Now, Sleep: func(context.Context, time.Duration) error { return nil },
	}
}

// decryptWithAge reads an item as "age -d -i IDENTITY ITEM" does.
func decryptWithAge(t *testing.T, identityFile, item string) string {
	t.Helper()
	text, err := os.Open(identityFile)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	identities, err := age.ParseIdentities(text)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.Open(item)
	if err != nil {
		t.Fatal(err)
	}
	defer sealed.Close()
	r, err := age.Decrypt(sealed, identities...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func wantOpener(t *testing.T, f *keyring.File, want keyring.Opener) {
	t.Helper()
	if got, err := f.Opener(t.Context()); err != nil || got != want {
		t.Errorf("Opener = %q, %v; want %q", got, err, want)
	}
}

// TestLifeOfAKeyring goes from nothing to a key file, a passphrase, another passphrase and
// back; the secret is there all the time.
func TestLifeOfAKeyring(t *testing.T) {
	h := newHome(t)
	f := h.open(t)
	wantOpener(t, f, keyring.OpenedByNothing)
	wantError(t, f.Set(t.Context(), keyringtest.Key(1), secret.New(canary)), keyring.ErrLocked, "keyring use file")
	if err := f.UseKeyFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	set(t, f, 1, canary)
	item, err := os.ReadFile(h.item(1))
	if err != nil {
		t.Fatal(err)
	}
	wantOpener(t, h.open(t), keyring.OpenedByKeyFile)
	wantValue(t, h.open(t), 1, canary)

	for _, passphrase := range []string{"first", "second"} {
		if err := f.UsePassphrase(t.Context(), secret.New(passphrase)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(h.config.KeyFile); !errors.Is(err, os.ErrNotExist) {
			t.Error("the key file still opens what the passphrase should")
		}
		later := h.open(t)
		wantOpener(t, later, keyring.OpenedByPassphrase)
		_, err := later.Get(t.Context(), keyringtest.Key(1))
		wantError(t, err, keyring.ErrLocked)
		wantError(t, later.Set(t.Context(), keyringtest.Key(1), secret.New("x")), keyring.ErrLocked)
		wantError(t, later.UsePassphrase(t.Context(), secret.New("mine")), keyring.ErrLocked)
		wantError(t, later.UseKeyFile(t.Context()), keyring.ErrLocked)
		_, err = later.Get(t.Context(), keyringtest.Key(2))
		wantError(t, err, keyring.ErrNotFound) // an absent secret is absent, locked or not
		if err := later.Unlock(t.Context(), secret.New(passphrase), 0); err != nil {
			t.Fatal(err)
		}
		wantOpener(t, later, keyring.OpenedByUnlock)
		wantValue(t, later, 1, canary)
	}
	wantError(t, h.open(t).Unlock(t.Context(), secret.New("first"), 0), keyring.ErrPassphrase)
	if err := f.UseKeyFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantValue(t, h.open(t), 1, canary)
	wantError(t, h.open(t).Unlock(t.Context(), secret.New("second"), 0), keyring.ErrInvalid, "no passphrase")
	if now, err := os.ReadFile(h.item(1)); err != nil || !bytes.Equal(now, item) {
		t.Error("changing what opens the keyring rewrote an item")
	}
}

// TestWrongPassphrase (F12): twenty wrong passphrases get the same error, each one later;
// nothing changes, and the right one still works afterwards.
func TestWrongPassphrase(t *testing.T) {
	h, f := withPassphrase(t)
	set(t, f, 1, "value")
	before := snapshot(t, h.config.Dir)
	texts := map[string]bool{}
	for range 20 {
		err := h.open(t).Unlock(t.Context(), secret.New(canary), 0) // a new process each time
		wantError(t, err, keyring.ErrPassphrase)
		wantError(t, err, keyring.ErrLocked)
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d different errors: %v", len(texts), texts)
	}
	var delays []time.Duration
	for i := range 19 {
		delays = append(delays, min(250*time.Millisecond<<i, 10*time.Second))
	}
	if !slices.EqualFunc(h.slept, delays, func(a, b time.Duration) bool { return b-a >= 0 && b-a <= time.Millisecond }) { // stored in milliseconds
		t.Errorf("delays %v, want %v", h.slept, delays)
	}
	later := h.open(t)
	if err := later.Unlock(t.Context(), secret.New("correct horse"), 0); err != nil {
		t.Fatal(err)
	}
	wantValue(t, later, 1, "value")
	h.slept = nil
	_ = h.open(t).Unlock(t.Context(), secret.New("wrong again"), 0)
	if len(h.slept) != 0 {
		t.Errorf("after the right one a first mistake waits %v", h.slept)
	}
	after := snapshot(t, h.config.Dir)
	delete(after, "failures")
	delete(after, "unlock.lock")
	if len(before) != len(after) {
		t.Errorf("files before %d, after %d", len(before), len(after))
	}
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s changed", name)
		}
	}
}

// TestDelayCanBeCancelled: a deadline during the delay is ErrLocked.
func TestDelayCanBeCancelled(t *testing.T) {
	h, _ := withPassphrase(t)
	_ = h.open(t).Unlock(t.Context(), secret.New("wrong"), 0)
	h.config.Sleep = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	wantError(t, h.open(t).Unlock(t.Context(), secret.New("correct horse"), 0), keyring.ErrLocked, "waiting")
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}

// TestDamagedIdentity: identity.age with any byte changed is an error; the file is left, and
// no new key is created.
func TestDamagedIdentity(t *testing.T) {
	h, f := withPassphrase(t)
	set(t, f, 1, "value")
	path := filepath.Join(h.config.Dir, "identity.age")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Join(h.config.Dir, "failures"))
		err := h.open(t).Unlock(t.Context(), secret.New("correct horse"), 0)
		if !errors.Is(err, keyring.ErrDamaged) && !errors.Is(err, keyring.ErrPassphrase) {
			t.Errorf("byte %d flipped: %v", at, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.open(t).Unlock(t.Context(), secret.New("correct horse"), 0); err != nil {
		t.Error(err)
	}
}

// TestWorkFactor (S5): the default is what is written, and a manipulated file that asks for
// gigabytes of memory is refused before any work.
func TestWorkFactor(t *testing.T) {
	h := newHome(t)
	h.config.WorkFactor = 0
	if err := h.open(t).UsePassphrase(t.Context(), secret.New("p")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.config.Dir, "identity.age")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, line, _ := strings.Cut(string(text), "-> scrypt "); !strings.HasPrefix(line[22:], " 17\n") {
		t.Fatalf("identity.age starts %.80q, want work factor 17", text)
	}
	for _, factor := range []string{" 20\n", " 30\n", " 63\n", " 99999\n"} {
		if err := os.WriteFile(path, bytes.Replace(text, []byte(" 17\n"), []byte(factor), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if took := memory(func() {
			wantError(t, h.open(t).Unlock(t.Context(), secret.New("p"), 0), keyring.ErrDamaged)
		}); took > 16<<20 { // a factor of 20 takes 1 GiB
			t.Errorf("work factor%q: refused after %d bytes of memory", factor, took)
		}
	}
}

// memory returns how many bytes a call allocates: a measure of its work that does not depend
// on the speed of the machine.
func memory(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestCredential: systemd provides the passphrase, or the key itself.
func TestCredential(t *testing.T) {
	h, f := withPassphrase(t)
	set(t, f, 1, "value")
	path := filepath.Join(t.TempDir(), "credential")
	h.config.Credential = path
	for _, c := range []struct {
		content string
		want    error
	}{
		{"correct horse", nil},
		{"correct horse\n", nil},
		{"wrong horse\n", keyring.ErrPassphrase},
		{"", keyring.ErrInvalid},
		{"\ufeffcorrect horse", keyring.ErrInvalid},
		{"AGE-SECRET-KEY-1" + canary, keyring.ErrDamaged},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := h.open(t).Get(t.Context(), keyringtest.Key(1))
		if !errors.Is(err, c.want) || err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%.20q: %v, want %v", c.content, err, c.want)
		}
	}
	keyed, g := withKeyFile(t)
	set(t, g, 1, "value")
	if err := os.Rename(keyed.config.KeyFile, path); err != nil {
		t.Fatal(err)
	}
	keyed.config.Credential = path
	later := keyed.open(t)
	wantValue(t, later, 1, "value")
	wantOpener(t, later, keyring.OpenedByCredential)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := keyed.open(t).Get(t.Context(), keyringtest.Key(1))
	wantError(t, err, keyring.ErrNotFound, path)
}

// TestLostKeyIsNoEmptyKeyring (F11): items without a key to open them are not "nothing
// stored".
func TestLostKeyIsNoEmptyKeyring(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, canary)
	if err := os.Remove(h.config.KeyFile); err != nil {
		t.Fatal(err)
	}
	if opener, err := h.open(t).Opener(t.Context()); !errors.Is(err, keyring.ErrKeyGone) {
		t.Errorf("Opener = %q, %v", opener, err)
	}
}
