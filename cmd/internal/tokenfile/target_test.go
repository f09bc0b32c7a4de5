//go:build unix

package tokenfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// targetOf returns a target with the format of the header command.
func targetOf(t *testing.T, path, format string) *Target {
	t.Helper()
	for _, d := range protocol.Dialects {
		if d.Name == "header" {
			return &Target{File: File{Path: path}, Encode: func(c protocol.Credential) ([]byte, error) {
				return d.Encode(protocol.Request{Shape: format}, c)
			}}
		}
	}
	t.Fatal("the header dialect is gone")
	return nil
}

// TestTargetForm: a file that an earlier sink wrote is overwritten; one that a person wrote
// is not.
func TestTargetForm(t *testing.T) {
	for _, c := range []struct {
		name, format, old string
		ok                bool
	}{
		{"an empty file", "token", "", true},
		{"an older token", "token", "0ld\n", true},
		{"a line of text", "token", "my notes\n", false},
		{"two lines", "token", "a\nb\n", false},
		{"an older header", "header", "Authorization: Bearer 0ld\n", true},
		{"another header", "header", "X-Key: 0ld\n", false},
		{"an older JSON", "json", `{"headers":{"Authorization":["Bearer 0ld"]},"expires":"2001-01-01T00:00:00Z"}` + "\n", true},
		{"another JSON", "json", `{"a":1}` + "\n", false},
		{"the entry", "netrc", "machine git.example.com login oauth2 password 0ld\n", true},
		{"the entry and more", "netrc", "machine git.example.com login oauth2 password 0ld\nmachine b login c password d\n", false},
		{"the file for git", "git-include", "[http \"https://git.example.com\"]\n\textraHeader = \"Authorization: Bearer 0ld\"\n\tfollowRedirects = false\n", true},
		{"git's own configuration", "git-include", "[user]\n\tname = A\n\temail = a@example.com\n", false},
		{"an older variable", "env", "export BEARER_TOKEN='0ld'\n", true},
		{"another variable", "env", "export PATH='/x'\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := targetOf(t, filepath.Join(privateDir(t), "file"), c.format)
			if err := os.WriteFile(target.Path, []byte(c.old), 0o600); err != nil {
				t.Fatal(err)
			}
			err := target.Put(protocol.Credential{
				Profile: "work", Scheme: "Bearer", Secret: secret.New("t0k"), Expires: 1893456000,
				Origin: "https://git.example.com", Origins: []string{"https://git.example.com"},
			})
			now, _ := os.ReadFile(target.Path)
			if written := strings.Contains(string(now), "t0k"); (err == nil) != c.ok || written != c.ok {
				t.Errorf("%v; the file is %q", err, now)
			}
		})
	}
}
