//go:build wine

package windows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCredentialManager: add chooses it by itself, one request serves all calls, secrets
// move to the encrypted file and back, and two homes share none.
func TestCredentialManager(t *testing.T) {
	s, u := newServer(t), newUser(t)
	has(t, u.wants(0, "", "doctor").stdout, "a Credential Manager of Windows answers")
	add := []string{"add", "jama", "--preset", "jama", "--url", s.URL(), "--client-id", "demo", "--secret-stdin"}
	a := u.wants(0, testSecret, add...)
	has(t, a.stderr, "Keyring: the Credential Manager of Windows answers, so secrets go there.")
	token := u.wants(0, "", "token", "jama").stdout
	for range 10 {
		if again := u.wants(0, "", "token", "jama").stdout; again != token {
			t.Errorf("another token: %q", again)
		}
	}
	requests(t, s, 1)
	has(t, u.wants(0, "", "doctor").stdout, "keyring wincred", "Credential Manager of Windows, answered in")
	nowhereInClear(t, strings.TrimSpace(token), testSecret)

	has(t, u.wants(0, "", "keyring", "use", "file").stderr, "Moved from wincred: the secrets of jama.")
	u.wants(0, "", "token", "jama", "--refresh")
	has(t, u.wants(0, "", "keyring", "use", "wincred").stderr, "Moved from file: the secrets of jama.")
	u.wants(0, "", "token", "jama", "--refresh")

	trial := newHome(t)
	trial.wants(0, testSecret, add...)
	trial.wants(0, "", "remove", "jama", "--yes")
	u.wants(0, "", "token", "jama", "--refresh")
	u.wants(0, "", "remove", "jama", "--yes")
	u.wants(3, "", "token", "jama")
}

// TestUninstall: nothing is left of a home, in the file system and among the credentials.
// Wine removes the log, which is open, when credhelper ends, and its directory stays.
func TestUninstall(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	u.wants(0, "", "keyring", "use", "wincred")
	u.wants(0, "", "token", "jama")
	u.wants(0, "", "uninstall", "--yes")
	if left := filesBelow(t, linuxPath(strings.TrimPrefix(u.environ[0], "CREDHELPER_HOME="))); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	u.withProfile(s) // as if nothing had been
}

// TestOtherKeyrings: those that Windows does not have are refused, and stay unused.
func TestOtherKeyrings(t *testing.T) {
	u := newHome(t)
	for name, says := range map[string]string{
		"secret-service": "no session bus", "pass": "there is no program pass", "keyctl": "nothing answers on this machine",
	} {
		has(t, u.wants(5, "", "keyring", "use", name, "--volatile").stderr, says)
	}
	has(t, u.wants(0, "", "keyring").stdout, "keyring: none chosen yet")
}

// TestPassphrase: a keyring that could never be unlocked is not made, nobody is told to
// make one, and one that was made elsewhere gets a key file.
func TestPassphrase(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	for _, a := range []answer{
		u.wants(9, "", "keyring", "passphrase"), u.wants(0, "", "unlock"), u.wants(0, "", "lock"), u.wants(0, "", "keyring"),
	} {
		if strings.Contains(a.stdout+a.stderr, "credhelper keyring passphrase sets") || strings.Contains(a.stderr, "any time") {
			t.Errorf("it advises what is refused: %s%s", a.stdout, a.stderr)
		}
	}
	u.wants(0, "", "token", "jama", "--refresh")

	linux := newLinuxHome(t)
	linux.credhelper(t, "", "keyring", "use", "file")
	linux.credhelper(t, testSecret, "add", "jama", "--preset", "jama", "--url", s.URL(), "--client-id", "demo", "--secret-stdin")
	linux.credhelper(t, "correct horse", "keyring", "passphrase", "--secret-stdin")
	linux.credhelper(t, "", "cache", "clear", "jama")
	u = &user{t, bin, []string{"CREDHELPER_HOME=" + windowsPath(linux.home)}}
	u.wants(5, "", "token", "jama")
	a := u.wants(9, "correct horse", "unlock", "--secret-stdin")
	has(t, a.stderr, "no kernel keyring", "credhelper keyring passphrase --key-file")
	u.wants(5, "wrong horse", "keyring", "passphrase", "--key-file", "--secret-stdin")
	u.wants(0, "correct horse", "keyring", "passphrase", "--key-file", "--secret-stdin")
	u.wants(0, "", "token", "jama")
}

// nowhereInClear looks for secrets in every file of this Windows, its registry included.
func nowhereInClear(t *testing.T, secrets ...string) {
	t.Helper()
	files := 0
	for _, root := range []string{appData(t), os.Getenv("WINEPREFIX")} {
		list, err := filepath.Glob(filepath.Join(root, "*.reg"))
		if err != nil {
			t.Fatal(err)
		}
		if root == appData(t) {
			list = filesBelow(t, root)
		}
		for _, path := range list {
			files++
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range secrets {
				if strings.Contains(string(content), secret) {
					t.Errorf("%s holds %q", path, secret)
				}
			}
		}
	}
	if files < 5 {
		t.Errorf("%d files: the test is blind", files)
	}
}
