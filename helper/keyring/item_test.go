package keyring

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Tests of the formats themselves, inside the package.

const testKey = Prefix + "0123456789abcdef"

func testIdentity(tb testing.TB) *age.X25519Identity {
	tb.Helper()
	identity, err := age.ParseX25519Identity("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33")
	if err != nil {
		tb.Fatal(err)
	}
	return identity
}

// TestGoldenItem (F19): testdata/item-1.age is an item that the first release wrote. Every
// later release must open it.
func TestGoldenItem(t *testing.T) {
	sealed, err := os.ReadFile("testdata/item-1.age")
	if err != nil {
		t.Fatal(err)
	}
	value, err := openItem(testIdentity(t), testKey, sealed)
	if err != nil || value.Reveal() != "as the first release wrote it" {
		t.Fatalf("%d bytes, %v", value.Len(), err)
	}
}

// FuzzDecodeItem: whatever can be decoded is encoded to the same bytes, so that each item
// has one form.
func FuzzDecodeItem(f *testing.F) {
	f.Add(encodeItem(testKey, secret.New("value")))
	f.Add(encodeItem(testKey, secret.New("two\nlines\n")))
	f.Add([]byte(itemMagic))
	f.Add([]byte(itemMagic + testKey + "\n"))
	f.Add([]byte(strings.Replace(itemMagic, "1", "2", 1) + testKey + "\nvalue"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		value, err := decodeItem(testKey, plain)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || !value.IsZero() {
				t.Fatalf("%d bytes with error %v", value.Len(), err)
			}
			return
		}
		if !bytes.Equal(encodeItem(testKey, value), plain) {
			t.Fatalf("%q is read but written otherwise", plain)
		}
	})
}

// FuzzOpenItem: no file opens except one that was sealed to the key.
func FuzzOpenItem(f *testing.F) {
	identity := testIdentity(f)
	sealed, err := sealItem(identity, testKey, secret.New("value"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add([]byte("age-encryption.org/v1\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		value, err := openItem(identity, testKey, file)
		switch {
		case err == nil && value.Reveal() != "value":
			t.Fatal("a file that nobody sealed opens")
		case err != nil && (!errors.Is(err, ErrDamaged) || !value.IsZero() || strings.Contains(err.Error(), "\n")):
			t.Fatalf("%d bytes, %v", value.Len(), err)
		}
	})
}

// FuzzParseIdentity: whatever is parsed as an identity is written as the same one line.
func FuzzParseIdentity(f *testing.F) {
	line := testIdentity(f).String()
	for _, seed := range []string{line, line + "\n", "# created\n# public key\n" + line + "\r\n", line + "\n" + line, "", "#", "AGE-SECRET-KEY-PQ-1", strings.ToLower(line)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		identity, err := parseIdentity(text)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "AGE-SECRET") {
				t.Fatalf("error %v", err)
			}
			return
		}
		if !strings.Contains(strings.ToUpper(string(text)), identity.String()) {
			t.Fatalf("%q became another identity", text)
		}
	})
}

// BenchmarkItem: what one secret costs, without the disk.
func BenchmarkItem(b *testing.B) {
	identity := testIdentity(b)
	value := secret.New(strings.Repeat("x", 3000))
	sealed, err := sealItem(identity, testKey, value)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			if _, err := sealItem(identity, testKey, value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := openItem(identity, testKey, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
