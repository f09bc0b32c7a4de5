package stored

import (
	"testing"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
)

// TestSecretKey: two homes of one user that share a desktop's keyring never
// overwrite each other's secrets; the default home and the encrypted file, which
// may be moved with its home, do not depend on a path.
func TestSecretKey(t *testing.T) {
	home := func(keyringName string, apart bool) *Keyrings {
		dir := t.TempDir()
		env := map[string]string{"HOME": dir, "AppData": dir, "LocalAppData": dir}
		if apart {
			env = map[string]string{"CREDHELPER_HOME": dir}
		}
		dirs, err := cache.FindDirs(func(name string) string { return env[name] }, 1000)
		if err != nil {
			t.Fatal(err)
		}
		settings := func() (config.Settings, error) { return config.Settings{Keyring: keyringName}, nil }
		return &Keyrings{Dirs: dirs, Settings: settings}
	}
	for _, c := range []struct {
		name string
		a, b *Keyrings
		same bool
	}{
		{"two own homes, desktop", home("secret-service", true), home("secret-service", true), false},
		{"two own homes, pass", home("pass", true), home("pass", true), false},
		{"own home and the default, desktop", home("secret-service", true), home("secret-service", false), false},
		{"the default home, moved", home("secret-service", false), home("secret-service", false), true},
		{"two own homes, file", home("file", true), home("file", true), true},
	} {
		if same := c.a.Key("jama") == c.b.Key("jama"); same != c.same {
			t.Errorf("%s: the same key: %v, want %v", c.name, same, c.same)
		}
	}
}
