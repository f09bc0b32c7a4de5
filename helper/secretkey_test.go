package helper

import (
	"os"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
)

// TestSecretKey: two homes of one user that share a desktop's keyring never
// overwrite each other's secrets; the default home and the encrypted file, which
// may be moved with its home, do not depend on a path.
func TestSecretKey(t *testing.T) {
	home := func(keyringName, system string) *Helper {
		dirs := cache.Dirs{Config: t.TempDir(), System: system}
		if err := os.WriteFile(dirs.Settings(), []byte("keyring = '"+keyringName+"'\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return New(Config{Dirs: dirs, Now: time.Now})
	}
	for _, c := range []struct {
		name string
		a, b *Helper
		same bool
	}{
		{"two own homes, desktop", home("secret-service", ""), home("secret-service", ""), false},
		{"two own homes, pass", home("pass", ""), home("pass", ""), false},
		{"own home and the default, desktop", home("secret-service", ""), home("secret-service", "/etc/credhelper"), false},
		{"the default home, moved", home("secret-service", "/etc/credhelper"), home("secret-service", "/etc/credhelper"), true},
		{"two own homes, file", home("file", ""), home("file", ""), true},
	} {
		if same := c.a.secretKey("jama") == c.b.secretKey("jama"); same != c.same {
			t.Errorf("%s: the same key: %v, want %v", c.name, same, c.same)
		}
	}
}
