// Package keyringtest has the conformance tests of keyrings, which every backend must
// pass unchanged.
package keyringtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Traits are the permitted differences between backends.
type Traits struct {
	// Writers is the number of concurrent writers in a test; a backend that starts
	// programs for each call gets few.
	Writers int
	// Plant, if set, adds items that must never be listed to the store: other programs'
	// secrets, folders, leftovers.
	Plant func(t *testing.T)
}

// Run runs the tests on a keyring. open opens the same store each time, as another
// process would; the store has no key of ours at the start.
func Run(t *testing.T, traits Traits, open func(t *testing.T) keyring.Keyring) {
	t.Helper()
	if traits.Writers < 2 {
		t.Fatal("keyringtest: at least two writers are needed to find a race")
	}
	if testing.Short() { // the race detector makes each writer several times slower
		traits.Writers = min(traits.Writers, 10)
	}
	if traits.Plant != nil {
		traits.Plant(t)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := open(t)
			names, err := k.Names(t.Context())
			if err != nil || len(names) != 0 {
				t.Fatalf("before the test: Names = %q, %v; want none", names, err)
			}
			t.Cleanup(func() { empty(t, k) })
			c.run(t, k, func() keyring.Keyring { return open(t) }, traits)
		})
	}
}

// cases of the tests: k is open, again opens the store once more.
var cases = [...]struct {
	name string
	run  func(t *testing.T, k keyring.Keyring, again func() keyring.Keyring, traits Traits)
}{
	{"an absent key is ErrNotFound and can be deleted", absent},
	{"every value comes back byte for byte", roundTrip},
	{"a value replaces a longer and a shorter one", replace},
	{"another process sees what was stored", persist},
	{"names are ours, sorted, and follow Set and Delete", names},
	{"keys that begin alike are apart", apart},
	{"a key that could be misread is refused (T18)", badKeys},
	{"an empty and an oversized value are refused", badValues},
	{"a call that nobody waits for changes nothing", cancelled},
	{"writers at once leave one whole value", atOnce},
}

// Key returns a key for a test; n is below 16.
func Key(n int) string { return fmt.Sprintf("%s%x0123456789abcdef", keyring.Prefix, n) }

func empty(t *testing.T, k keyring.Keyring) {
	names, err := k.Names(context.Background())
	if err != nil {
		t.Errorf("cleaning up: %v", err)
	}
	for _, name := range names {
		if err := k.Delete(context.Background(), name); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	}
}

func mustSet(t *testing.T, k keyring.Keyring, key, value string) {
	t.Helper()
	if err := k.Set(t.Context(), key, secret.New(value)); err != nil {
		t.Fatalf("Set(%d bytes): %v", len(value), err)
	}
}

func mustGet(t *testing.T, k keyring.Keyring, key, want string) {
	t.Helper()
	got, err := k.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if got.Reveal() != want {
		t.Fatalf("Get returned another value: %d bytes, want %d", got.Len(), len(want))
	}
}

func mustMiss(t *testing.T, k keyring.Keyring, key string) {
	t.Helper()
	if got, err := k.Get(t.Context(), key); !errors.Is(err, keyring.ErrNotFound) || !got.IsZero() {
		t.Fatalf("Get of an absent key: %d bytes, %v; want ErrNotFound", got.Len(), err)
	}
}

func absent(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	mustMiss(t, k, Key(1))
	if err := k.Delete(t.Context(), Key(1)); err != nil {
		t.Errorf("Delete of an absent key: %v", err)
	}
	mustSet(t, k, Key(1), "one")
	for range 2 {
		if err := k.Delete(t.Context(), Key(1)); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	mustMiss(t, k, Key(1))
}

// allBytes returns each byte once.
func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

func roundTrip(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	values := []struct{ name, value string }{
		{"one byte", "x"},
		{"as Entra makes them", "~A1.8Q~fLkz_0123456789-abcdefghijklmnopqrs"},
		{"all printable ASCII", " !\"#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[\\]^_`abcxyz{|}~ "},
		{"a final line feed", "secret\n"},
		{"two final line feeds", "secret\n\n"},
		{"CRLF inside", "a\r\nb"},
		{"only a line feed", "\n"},
		{"JSON", `{"v":1,"secret":"a\u0000b"}`},
		{"letters beyond ASCII", "pässwörd-пароль-密码"},
		{"every byte", allBytes()},
		{"not UTF-8", "\xff\xfe\x00\x80"},
		{"what our own envelope looks like", "credhelper sealed 1 00"},
		{"a private key of 3,272 bytes", "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0B\n", 129) + "-----END PRIVATE KEY\n"},
		{"16 KiB", strings.Repeat("0123456789abcdef", 1024)},
		{"the longest", strings.Repeat("z", keyring.MaxSecret)},
	}
	for _, v := range values {
		t.Run(v.name, func(t *testing.T) {
			mustSet(t, k, Key(2), v.value)
			mustGet(t, k, Key(2), v.value)
		})
	}
}

func replace(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	for _, n := range []int{10, 5000, 3, 40000, 1, 2000} {
		value := strings.Repeat("r", n)
		mustSet(t, k, Key(3), value)
		mustGet(t, k, Key(3), value)
	}
}

func persist(t *testing.T, k keyring.Keyring, again func() keyring.Keyring, _ Traits) {
	mustSet(t, k, Key(4), "kept")
	other := again()
	mustGet(t, other, Key(4), "kept")
	mustSet(t, other, Key(4), "changed")
	mustGet(t, k, Key(4), "changed")
	if err := other.Delete(t.Context(), Key(4)); err != nil {
		t.Fatal(err)
	}
	mustMiss(t, k, Key(4))
}

func names(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	want := []string{Key(3), Key(5), Key(9)}
	for _, n := range []int{9, 3, 5} {
		mustSet(t, k, Key(n), "value")
	}
	if got, err := k.Names(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Names = %q, %v; want %q", got, err, want)
	}
	if err := k.Delete(t.Context(), Key(5)); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Names(t.Context()); err != nil || !slices.Equal(got, []string{Key(3), Key(9)}) {
		t.Fatalf("after Delete: Names = %q, %v", got, err)
	}
}

func apart(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	short, long := keyring.Prefix+"ab", keyring.Prefix+"abc"
	mustSet(t, k, long, "long")
	mustMiss(t, k, short)
	mustSet(t, k, short, "short")
	mustGet(t, k, long, "long")
	if err := k.Delete(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	mustGet(t, k, long, "long")
	longest := keyring.Prefix + strings.Repeat("f", 128)
	mustSet(t, k, longest, "the longest key")
	mustGet(t, k, longest, "the longest key")
}

func badKeys(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	for _, key := range []string{
		"", ".", "..", "../x", "-rf", "--help", "x", "credhelper", keyring.Prefix, "Credhelper-ab", "credhelper_ab",
		keyring.Prefix + "../../etc/passwd", keyring.Prefix + "ab/cd", keyring.Prefix + "ab cd", keyring.Prefix + "AB",
		keyring.Prefix + "ab\x00", keyring.Prefix + "ab\n", "\n" + keyring.Prefix + "ab", keyring.Prefix + "ab.age",
		keyring.Prefix + "xy", keyring.Prefix + "ab;id", keyring.Prefix + "$(id)", keyring.Prefix + strings.Repeat("a", 129),
		strings.Repeat("a", 300), keyring.Prefix + "٣", " " + keyring.Prefix + "ab",
	} {
		if _, err := k.Get(t.Context(), key); !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("Get(%q): %v, want ErrInvalid", key, err)
		}
		if err := k.Set(t.Context(), key, secret.New("value")); !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("Set(%q): %v, want ErrInvalid", key, err)
		}
		if err := k.Delete(t.Context(), key); !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("Delete(%q): %v, want ErrInvalid", key, err)
		}
	}
	if got, err := k.Names(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("after refused keys: Names = %q, %v", got, err)
	}
}

func badValues(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	mustSet(t, k, Key(6), "before")
	for _, value := range []string{"", strings.Repeat("c4n4ry", keyring.MaxSecret/6+1)} {
		err := k.Set(t.Context(), Key(6), secret.New(value))
		if !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("Set of %d bytes: %v, want ErrInvalid", len(value), err)
		}
		if err != nil && strings.Contains(err.Error(), "c4n4ry") {
			t.Error("the error quotes the secret (T8)")
		}
	}
	mustGet(t, k, Key(6), "before")
}

func cancelled(t *testing.T, k keyring.Keyring, _ func() keyring.Keyring, _ Traits) {
	mustSet(t, k, Key(7), "before")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Set(ctx, Key(7), secret.New("after")); err == nil {
		t.Error("Set with a cancelled context succeeded")
	}
	if err := k.Delete(ctx, Key(7)); err == nil {
		t.Error("Delete with a cancelled context succeeded")
	}
	if _, err := k.Get(ctx, Key(7)); err == nil {
		t.Error("Get with a cancelled context succeeded")
	}
	mustGet(t, k, Key(7), "before")
}

// atOnce lets writers of values of very different lengths work on one key
// while readers look on: a torn value, a short one over the tail of a long
// one, would be seen.
func atOnce(t *testing.T, k keyring.Keyring, again func() keyring.Keyring, traits Traits) {
	value := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), 1+n*307%9001) }
	whole := map[string]bool{"first": true}
	for n := range traits.Writers {
		whole[value(n)] = true
	}
	mustSet(t, k, Key(8), "first")
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for n := range traits.Writers {
		own := again()
		writers.Go(func() {
			// Who waited long enough for the others is told so and wrote nothing. How many
			// that are is the machine's affair; that they get through is ours.
			err := own.Set(t.Context(), Key(8), secret.New(value(n)))
			for again := 0; errors.Is(err, keyring.ErrUnavailable) && again < 30; again++ {
				err = own.Set(t.Context(), Key(8), secret.New(value(n)))
			}
			if err != nil {
				t.Errorf("writer %d: %v", n, err)
			}
		})
	}
	for range 2 {
		own := again()
		readers.Go(func() {
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
				}
				got, err := own.Get(t.Context(), Key(8))
				if err != nil {
					t.Errorf("reader: %v", err)
					return
				}
				if err == nil && !whole[got.Reveal()] {
					t.Errorf("reader: a torn value of %d bytes", got.Len())
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if got, err := k.Get(t.Context(), Key(8)); err != nil || !whole[got.Reveal()] {
		t.Errorf("at the end: %d bytes, %v", got.Len(), err)
	}
}
