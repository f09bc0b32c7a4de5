package keyring_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestUnlockForLaterProcesses: unlock leaves the key in the kernel for a while, for this
// home only; lock removes it.
func TestUnlockForLaterProcesses(t *testing.T) {
	h, f := withPassphrase(t)
	set(t, f, 1, "value")
	other, g := withPassphrase(t)
	set(t, g, 1, "value")
	if err := h.open(t).Unlock(t.Context(), secret.New("correct horse"), 100*time.Hour); err != nil {
		t.Fatalf("this test needs a kernel keyring: %v", err)
	}
	later := h.open(t)
	wantValue(t, later, 1, "value")
	wantOpener(t, later, keyring.OpenedByUnlock)
	if life := timeout(t, h.config.Home); life != "7h" && life != "8h" {
		t.Errorf("the key in the kernel lives %s, want at most 8h", life)
	}
	_, err := other.open(t).Get(t.Context(), keyringtest.Key(1))
	wantError(t, err, keyring.ErrLocked) // another home of the same user
	if err := later.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*keyring.File{later, h.open(t)} {
		_, err := again.Get(t.Context(), keyringtest.Key(1))
		wantError(t, err, keyring.ErrLocked)
	}
	if err := h.open(t).Lock(t.Context()); err != nil {
		t.Errorf("locking twice: %v", err)
	}
}

// TestUnlockEnds: the keyring is locked again when its time has passed.
func TestUnlockEnds(t *testing.T) {
	h, f := withPassphrase(t)
	set(t, f, 1, "value")
	for _, keep := range []time.Duration{time.Minute, time.Second} {
		if err := h.open(t).Unlock(t.Context(), secret.New("correct horse"), keep); err != nil {
			t.Fatal(err)
		}
		if keep == time.Minute {
			wantValue(t, h.open(t), 1, "value")
		}
	}
	time.Sleep(1500 * time.Millisecond)
	_, err := h.open(t).Get(t.Context(), keyringtest.Key(1))
	wantError(t, err, keyring.ErrLocked)
	if err := h.open(t).Unlock(t.Context(), secret.New("correct horse"), time.Minute); err != nil {
		t.Errorf("unlocking over an expired key: %v", err)
	}
	wantValue(t, h.open(t), 1, "value")
}

// timeout reads the remaining lifetime of the home's key from /proc/keys.
func timeout(t *testing.T, home string) string {
	t.Helper()
	keys, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(keys)) {
		if strings.Contains(line, "credhelper:identity:"+home) {
			return strings.Fields(line)[3]
		}
	}
	t.Fatal("the key is not in /proc/keys")
	return ""
}
