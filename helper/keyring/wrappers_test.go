package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// fake is a keyring in memory that can be made to misbehave.
type fake struct {
	mu    sync.Mutex
	items map[string]secret.Text
	hang  chan struct{}            // if set, every call waits for it and ignores its context
	keeps func(string) secret.Text // if set, changes the value that is stored
}

func (f *fake) enter() func() {
	if f.hang != nil {
		<-f.hang
	}
	f.mu.Lock()
	return f.mu.Unlock
}

func (f *fake) Get(_ context.Context, key string) (secret.Text, error) {
	defer f.enter()()
	value, ok := f.items[key]
	if !ok {
		return secret.Text{}, keyring.ErrNotFound
	}
	return value, nil
}

func (f *fake) Set(_ context.Context, key string, value secret.Text) error {
	defer f.enter()()
	if f.items == nil {
		f.items = map[string]secret.Text{}
	}
	if f.keeps != nil {
		value = f.keeps(value.Reveal())
	}
	f.items[key] = value
	return nil
}

func (f *fake) Delete(_ context.Context, key string) error {
	defer f.enter()()
	delete(f.items, key)
	return nil
}

func (f *fake) Names(context.Context) (names []string, _ error) {
	defer f.enter()()
	for name := range f.items {
		names = append(names, name)
	}
	return names, nil
}

// TestDeadline (S4, F7): a keyring that never answers fails every call in time, even if the
// caller has less time or no limit.
func TestDeadline(t *testing.T) {
	synctest.Test(t, testDeadline)
}

func testDeadline(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	k := keyring.WithDeadline(&fake{hang: hang}, 200*time.Millisecond)
	calls := map[string]func(context.Context) error{
		"Get":    func(ctx context.Context) error { _, err := k.Get(ctx, keyringtest.Key(1)); return err },
		"Set":    func(ctx context.Context) error { return k.Set(ctx, keyringtest.Key(1), secret.New(canary)) },
		"Delete": func(ctx context.Context) error { return k.Delete(ctx, keyringtest.Key(1)) },
		"Names":  func(ctx context.Context) error { _, err := k.Names(ctx); return err },
	}
	for name, call := range calls {
		start := time.Now()
		wantError(t, call(t.Context()), keyring.ErrUnavailable, "did not answer within 200ms")
		if took := time.Since(start); took != 200*time.Millisecond {
			t.Errorf("%s took %v", name, took)
		}
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		start = time.Now()
		wantError(t, call(short), keyring.ErrUnavailable, "in the remaining time")
		cancel()
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("%s with little time took %v", name, took)
		}
		wantError(t, call(short), keyring.ErrUnavailable, "no time was left")
	}
}

// TestDeadlinePassesErrors: errors that come in time are passed on unchanged.
func TestDeadlinePassesErrors(t *testing.T) {
	k := keyring.WithDeadline(&fake{}, time.Minute)
	_, err := k.Get(t.Context(), keyringtest.Key(1))
	wantError(t, err, keyring.ErrNotFound)
	h, _ := withKeyFile(t)
	keyringtest.Run(t, keyringtest.Traits{Writers: 8}, func(t *testing.T) keyring.Keyring {
		return keyring.WithDeadline(h.open(t), time.Minute)
	})
}

// TestReadBack (F10): a keyring that drops, truncates or changes what it is given.
func TestReadBack(t *testing.T) {
	for name, keeps := range map[string]func(string) secret.Text{
		"cuts":    func(s string) secret.Text { return secret.New(s[:3]) },
		"changes": func(s string) secret.Text { return secret.New(strings.ToUpper(s)) },
		"empties": func(string) secret.Text { return secret.Text{} },
		"trims":   func(s string) secret.Text { return secret.New(strings.TrimSpace(s)) },
	} {
		t.Run(name, func(t *testing.T) {
			err := keyring.WithReadBack(&fake{keeps: keeps}).Set(t.Context(), keyringtest.Key(1), secret.New(canary+"\n"))
			wantError(t, err, keyring.ErrUnavailable, "does not return")
		})
	}
	wantError(t, keyring.WithReadBack(drops{&fake{}}).Set(t.Context(), keyringtest.Key(1), secret.New(canary)), keyring.ErrNotFound, "reading back")
}

// drops reports success and stores nothing.
type drops struct{ *fake }

func (drops) Set(context.Context, string, secret.Text) error { return nil }

// sealed opens an oversize keyring on top of a fake one.
func sealed(t *testing.T, inner keyring.Keyring, now func() time.Time) (keyring.Keyring, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "oversize")
	k, err := keyring.SealOversize(inner, 100, dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return k, dir
}

func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestOversize (S1): a value too large for the keyring is sealed in a file whose key is in
// the keyring; the keyring never sees more than its limit.
func TestOversize(t *testing.T) {
	inner := &fake{}
	k, dir := sealed(t, inner, time.Now)
	for n, value := range []string{"short", strings.Repeat(canary, 5), "credhelper sealed 1 as a secret", strings.Repeat("x", keyring.MaxSecret), strings.Repeat("y", 100)} {
		set(t, k, 1, value)
		wantValue(t, k, 1, value)
		if kept := inner.items[keyringtest.Key(1)]; kept.Len() > 100 {
			t.Errorf("value %d: the keyring got %d bytes", n, kept.Len())
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("files of replaced values are left: %q", left)
	}
	set(t, k, 1, strings.Repeat(canary, 5))
	left := files(t, dir)
	if len(left) != 1 {
		t.Fatalf("files %q, want one", left)
	}
	data, err := os.ReadFile(left[0])
	if err != nil || strings.Contains(string(data), canary[:8]) {
		t.Errorf("the file shows the secret, or %v", err)
	}
	if err := k.Delete(t.Context(), keyringtest.Key(1)); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("after Delete: %v, files %q", err, files(t, dir))
	}
	if _, err := keyring.SealOversize(inner, 40, dir, time.Now); !errors.Is(err, keyring.ErrInvalid) {
		t.Errorf("a limit without room for the pointer: %v", err)
	}
}

// TestOversizeDamage: a changed byte, another item's file, no file, or a bad pointer is an
// error that says how to recover.
func TestOversizeDamage(t *testing.T) {
	inner := &fake{}
	k, dir := sealed(t, inner, time.Now)
	set(t, k, 1, strings.Repeat("s", 200))
	path := files(t, dir)[0]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(what string) {
		t.Helper()
		got, err := k.Get(t.Context(), keyringtest.Key(1))
		if !errors.Is(err, keyring.ErrDamaged) || !got.IsZero() || !strings.Contains(err.Error(), "credhelper rotate") {
			t.Errorf("%s: %d bytes, %v", what, got.Len(), err)
		}
	}
	for at := range good {
		bad := append([]byte(nil), good...)
		bad[at] ^= 4
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		fails("byte flipped")
	}
	for _, size := range []int{0, 10, len(good) - 1} {
		if err := os.WriteFile(path, good[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		fails("cut")
	}
	set(t, k, 2, strings.Repeat("t", 200))
	other, err := os.ReadFile(files(t, dir)[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	fails("another's file")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fails("no file")
	line := inner.items[keyringtest.Key(1)].Reveal()
	for _, bad := range []string{line[:50], line + "A", line[:20], strings.Replace(line, " 1 ", " 1 ../../", 1), strings.ToUpper(line[:60]) + line[60:]} {
		inner.items[keyringtest.Key(1)] = secret.New(bad)
		if strings.HasPrefix(bad, "credhelper sealed 1 ") {
			fails("pointer")
		}
	}
}

// TestOversizeLeftovers: the file of a Set that never reached the keyring is removed after
// an hour, at the next change of the same key.
func TestOversizeLeftovers(t *testing.T) {
	now := time.Now()
	k, dir := sealed(t, &fake{}, func() time.Time { return now })
	set(t, k, 1, strings.Repeat("s", 200))
	leftover := filepath.Join(dir, keyringtest.Key(1)+".000000000000000000000000.sealed")
	if err := os.WriteFile(leftover, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	set(t, k, 1, strings.Repeat("t", 200))
	if _, err := os.Stat(leftover); err != nil {
		t.Error("a young file was removed: it may be another writer's")
	}
	now = now.Add(2 * time.Hour)
	set(t, k, 1, strings.Repeat("u", 200))
	if _, err := os.Stat(leftover); err == nil {
		t.Error("the leftover is still there")
	}
	wantValue(t, k, 1, strings.Repeat("u", 200))
}

// TestBackends: the table names each backend once, in the form that a configuration can
// contain.
func TestBackends(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range keyring.Backends {
		if b.Name == "" || b.Title == "" || seen[b.Name] || b.Name != strings.ToLower(b.Name) {
			t.Errorf("row %+v", b)
		}
		seen[b.Name] = true
		if got, ok := keyring.BackendNamed(b.Name); !ok || got != b {
			t.Errorf("BackendNamed(%q) = %+v, %v", b.Name, got, ok)
		}
	}
	if len(seen) == 0 {
		t.Fatal("no backends")
	}
	for _, name := range []string{"", "File", "nope"} {
		if _, ok := keyring.BackendNamed(name); ok {
			t.Errorf("there is a backend %q", name)
		}
	}
}
