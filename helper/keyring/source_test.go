package keyring_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
)

// TestNewSource: the words of a profile's "secret" that are refused before anything is
// opened.
func TestNewSource(t *testing.T) {
	for _, c := range []struct {
		words []string
		ok    bool
	}{
		{[]string{"file", "/run/secrets/jama"}, true},
		{[]string{"file", "secrets/jama"}, false}, // T4: not relative to the current directory
		{[]string{"file", "./jama"}, false},
		{[]string{"file", "~/jama"}, false},
		{[]string{"file", ""}, false},
		{[]string{"file"}, false},
		{[]string{"file", "/a", "/b"}, false},
		{[]string{"file", "/a\x00b"}, false},
		{[]string{"command", "/usr/bin/op", "read", "op://vault/jama/secret"}, true},
		{[]string{"vault", "https://bao.example:8200", "kv/data/jama#client_secret"}, true},
		{[]string{"vault", "https://bao.example:8200", "team/kv/data/a/b#c.d"}, true},
		{[]string{"vault", "https://bao.example:8200", "kv/jama#client_secret"}, false}, // version 1
		{[]string{"vault", "https://bao.example:8200", "kv/data/jama"}, false},
		{[]string{"vault", "https://bao.example:8200", "kv/data/../../sys/raw#x"}, false},
		{[]string{"vault", "https://bao.example:8200", "/kv/data/jama#x"}, false},
		{[]string{"vault", "https://bao.example:8200", "kv/data/jama?version=1#x"}, false},
		{[]string{"vault", "https://user:password@bao.example", "kv/data/jama#x"}, false},
		{[]string{"vault", "bao.example", "kv/data/jama#x"}, false},
		{[]string{"vault", "kv/data/jama#x"}, false},
		{[]string{"github", "api://AzureADTokenExchange"}, true},
		{[]string{"github", ""}, false},
		{[]string{"github"}, false},
		{[]string{"command", "/usr/bin/true"}, true},
		{[]string{"command", "op", "read"}, false}, // T5: no search path
		{[]string{"command", "./op"}, false},
		{[]string{"command"}, false},
		{[]string{"command", "/usr/bin/op", "a\x00b"}, false},
		{[]string{"env", "JAMA_SECRET"}, true},
		{[]string{"env", "_x1"}, true},
		{[]string{"env", "1X"}, false},
		{[]string{"env", "PATH"}, false},
		{[]string{"env", "HOME"}, false},
		{[]string{"env", "PATH_2"}, true},
		{[]string{"env", "A=B"}, false},
		{[]string{"env", "A B"}, false},
		{[]string{"env", ""}, false},
		{[]string{"env"}, false},
		{[]string{"env", "A", "B"}, false},
		{[]string{"credential", "jama.secret"}, true},
		{[]string{"credential", "../jama"}, false},
		{[]string{"credential", "a/b"}, false},
		{[]string{"credential", "."}, false},
		{[]string{"credential", ".."}, false},
		{[]string{"credential", ""}, false},
		{[]string{"credential", strings.Repeat("a", 256)}, false},
		{[]string{"shell", "/bin/sh"}, false},
		{[]string{"File", "/a"}, false},
		{[]string{""}, false},
		{nil, false},
	} {
		source, err := keyring.NewSource(c.words, keyring.Surroundings{})
		if c.ok != (err == nil) || err != nil && !errors.Is(err, keyring.ErrInvalid) {
			t.Errorf("NewSource(%q): %v, want ok %v", c.words, err, c.ok)
		}
		if c.ok && source.Kind != c.words[0] {
			t.Errorf("NewSource(%q) is a %q", c.words, source.Kind)
		}
	}
	if _, err := (keyring.Source{Kind: "file"}).Read(t.Context()); !errors.Is(err, keyring.ErrInvalid) {
		t.Errorf("a source that was not made by NewSource: %v", err)
	}
}

func read(t *testing.T, around keyring.Surroundings, words ...string) (string, error) {
	t.Helper()
	source, err := keyring.NewSource(words, around)
	if err != nil {
		t.Fatal(err)
	}
	value, err := source.Read(t.Context())
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error quotes the secret: %v", err)
	}
	return value.Reveal(), err
}

// TestSourceEnv: a variable is one line that is not empty; there may be none, and no
// environment.
func TestSourceEnv(t *testing.T) {
	around := keyring.Surroundings{Lookup: func(name string) (string, bool) {
		value, ok := map[string]string{"SECRET": canary, "LINE": canary + "\r\n", "EMPTY": "", "TWO": canary + "\nx"}[name]
		return value, ok
	}}
	for _, c := range []struct {
		name string
		want error
	}{{"SECRET", nil}, {"LINE", nil}, {"EMPTY", keyring.ErrInvalid}, {"TWO", keyring.ErrInvalid}, {"NONE", keyring.ErrNotFound}} {
		if got, err := read(t, around, "env", c.name); !errors.Is(err, c.want) || err == nil && got != canary {
			t.Errorf("%s: %d bytes, %v; want %v", c.name, len(got), err, c.want)
		}
	}
	if _, err := read(t, keyring.Surroundings{}, "env", "SECRET"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("without an environment: %v", err)
	}
}

// TestSourceCredential: systemd's credentials are read from its directory, and from nowhere
// else.
func TestSourceCredential(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jama"), []byte(canary+"\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, keyring.Surroundings{Credentials: dir}, "credential", "jama"); err != nil || got != canary {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := read(t, keyring.Surroundings{Credentials: dir}, "credential", "jira"); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	if _, err := read(t, keyring.Surroundings{}, "credential", "jama"); !errors.Is(err, keyring.ErrUnavailable) || !strings.Contains(err.Error(), "CREDENTIALS_DIRECTORY") {
		t.Errorf("no directory: %v", err)
	}
	if _, err := read(t, keyring.Surroundings{Credentials: "relative"}, "credential", "jama"); !errors.Is(err, keyring.ErrInvalid) {
		t.Errorf("relative directory: %v", err)
	}
}
