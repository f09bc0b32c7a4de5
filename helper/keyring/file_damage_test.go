package keyring_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestEveryByteFlipped: an item with any byte changed is an error that says how to recover,
// never another secret, and the file is left in place.
func TestEveryByteFlipped(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, canary)
	good, err := os.ReadFile(h.item(1))
	if err != nil || len(good) < 200 {
		t.Fatalf("%d bytes, %v", len(good), err)
	}
	if bytes.Contains(good, []byte(canary)) || bytes.Contains(good, []byte(keyringtest.Key(1))) {
		t.Fatal("the item shows what it should hide")
	}
	try := func(what string, bad []byte) {
		if err := os.WriteFile(h.item(1), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := f.Get(t.Context(), keyringtest.Key(1))
		if !errors.Is(err, keyring.ErrDamaged) || !got.IsZero() || !strings.Contains(err.Error(), "backup") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %d bytes, %v; want ErrDamaged", what, got.Len(), err)
		}
		if left, err := os.ReadFile(h.item(1)); err != nil || !bytes.Equal(left, bad) {
			t.Errorf("%s: it was not left in place", what)
		}
	}
	for at := range good {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[at] ^= flip
			try("byte flipped", bad)
		}
	}
	for at := range good {
		try("cut", good[:at])
	}
	try("one byte more", append(bytes.Clone(good), 0))
	try("twice", append(bytes.Clone(good), good...))
	if err := os.WriteFile(h.item(1), good, 0o600); err != nil {
		t.Fatal(err)
	}
	wantValue(t, f, 1, canary)
}

// TestSwappedItems: two items exchanged for each other are errors, not each other's secret.
func TestSwappedItems(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "one")
	set(t, f, 2, "two")
	aside := filepath.Join(h.config.Dir, "aside")
	if err := errors.Join(os.Rename(h.item(1), aside), os.Rename(h.item(2), h.item(1)), os.Rename(aside, h.item(2))); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		_, err := f.Get(t.Context(), keyringtest.Key(n))
		wantError(t, err, keyring.ErrDamaged, "exchanged")
	}
}

// TestStaleTemporaryFiles (F1): what a killed writer left is removed after an hour; a
// younger file may still be in use.
func TestStaleTemporaryFiles(t *testing.T) {
	h, f := withKeyFile(t)
	old, young := filepath.Join(h.config.Dir, ".tmp-old"), filepath.Join(h.config.Dir, ".tmp-young")
	for path, age := range map[string]time.Duration{old: 61 * time.Minute, young: 59 * time.Minute} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, h.now.Add(-age), h.now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	set(t, f, 1, "value")
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Error("the stale file is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("the young file is gone")
	}
}

// TestReadByAge: the files are plain age files, so that a secret can be recovered without
// this program. The test reads one with the library as the command age would: it takes the
// identity from the key file and decrypts the item.
func TestReadByAge(t *testing.T) {
	h, f := withKeyFile(t)
	set(t, f, 1, "value\nof two lines")
	plain := decryptWithAge(t, h.config.KeyFile, h.item(1))
	if want := "credhelper keyring item 1\n" + keyringtest.Key(1) + "\nvalue\nof two lines"; plain != want {
		t.Errorf("age reads %q, want %q", plain, want)
	}
}

// writer makes a child store old and new values in turn until it is killed.
const writer = "CREDHELPER_KEYRING_TEST_WRITER"

func TestMain(m *testing.M) {
	if code, played := keyringtest.AgePlugin(os.Args, os.Environ(), os.Stdout); played {
		os.Exit(code)
	}
	if dir := os.Getenv(writer); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(base string) {
	f, err := keyring.OpenFile(sweepConfig(base))
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		value := strings.Repeat("a", 100)
		if n%2 == 1 {
			value = strings.Repeat("b", 40000)
		}
		if err := f.Set(bg, keyringtest.Key(1), secret.New(value)); err != nil {
			panic(err)
		}
		os.Stdout.WriteString(".")
	}
}

// TestKilledWriters (F1): wherever a writer is killed, it leaves the old or the new value,
// and the next writer works.
func TestKilledWriters(t *testing.T) {
	base := t.TempDir()
	f, err := keyring.OpenFile(sweepConfig(base))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.UseKeyFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	set(t, f, 1, strings.Repeat("a", 100))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for point := range 120 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), writer+"="+base)
		started, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := started.Read(make([]byte, 1)); err != nil { // it has written once
			t.Fatal(err)
		}
		time.Sleep(time.Duration(point) * 53 * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		got, err := f.Get(t.Context(), keyringtest.Key(1))
		if err != nil || got.Reveal() != strings.Repeat("a", 100) && got.Reveal() != strings.Repeat("b", 40000) {
			t.Fatalf("kill point %d: %d bytes, %v", point, got.Len(), err)
		}
	}
	set(t, f, 1, "after")
	wantValue(t, f, 1, "after")
}
