//go:build wine

package windows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// without is a call through cmd, which removes or sets variables: Wine gives each program
// those of a user with a profile folder.
func (u *user) without(code int, variables string, args ...string) answer {
	u.t.Helper()
	script := ""
	for _, set := range strings.Fields(variables) {
		script += "set " + set + "&"
	}
	script += windowsPath(filepath.Join(u.bin, "credhelper.exe")) + " " + strings.Join(args, " ")
	a := u.run("cmd", "", "/c", script)
	if a.code != code {
		u.t.Errorf("%s: exit %d, want %d\nstdout: %s\nstderr: %s", script, a.code, code, a.stdout, a.stderr)
	}
	return a
}

// oneLine checks that an error is one true line, and at most one of advice.
func oneLine(t *testing.T, a answer, parts ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(a.stderr, "\r\n"), "\n")
	if a.stdout != "" || len(lines) > 2 || !strings.HasPrefix(lines[0], "credhelper: ") {
		t.Errorf("stdout %q, stderr %q", a.stdout, a.stderr)
	}
	has(t, a.stderr, parts...)
}

// TestNoProfileFolder: the account of a service may have no folder for its settings, or
// one that is not there.
func TestNoProfileFolder(t *testing.T) {
	u := newUser(t)
	u.bin = plainBin(t)
	oneLine(t, u.without(9, "APPDATA= LOCALAPPDATA=", "token", "jama"), "AppData and LocalAppData are not set", "CREDHELPER_HOME", "--no-store")
	oneLine(t, u.without(3, "APPDATA= LOCALAPPDATA=", "token", "jama", "--no-store"), "no profile jama")
	oneLine(t, u.without(9, "APPDATA= LOCALAPPDATA=", "keyring", "use", "file"), "AppData and LocalAppData are not set")
	oneLine(t, u.without(3, `APPDATA=Q:\none LOCALAPPDATA=Q:\none`, "token", "jama"), "no profile jama")
	oneLine(t, u.without(9, `APPDATA=Q:\none LOCALAPPDATA=Q:\none`, "keyring", "use", "file"), `Q:\`)
	oneLine(t, u.without(9, `CREDHELPER_HOME=relative`, "token", "jama"), "not an absolute path")
	// With a home that it is told, all works.
	home := windowsPath(filepath.Join(t.TempDir(), "service"))
	u.without(0, `APPDATA= LOCALAPPDATA= CREDHELPER_HOME=`+home, "keyring", "use", "file")
}

// TestNetworkDrive: a file server that does not answer is an error that names it.
func TestNetworkDrive(t *testing.T) {
	u := &user{t, bin, []string{`CREDHELPER_HOME=\\nosuch.invalid\share\home`}}
	oneLine(t, u.wants(9, "", "keyring", "use", "file"), `\\nosuch.invalid\share`)
	u.wants(3, "", "token", "jama")
}

// TestFileServer: a home on a file server, by its own name and by a drive's letter, which is
// the same home. Wine finds both below dosdevices.
func TestFileServer(t *testing.T) {
	devices := filepath.Join(os.Getenv("WINEPREFIX"), "dosdevices")
	share := filepath.Join(devices, "unc", "files", "Homes (alle)")
	if err := os.MkdirAll(filepath.Join(share, "José"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(share, filepath.Join(devices, "m:")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(filepath.Join(devices, "m:")) })
	s := newServer(t)
	for i, home := range []string{`\\files\Homes (alle)\José`, `M:\José`} {
		u := &user{t, bin, []string{"CREDHELPER_HOME=" + home}}
		if i == 0 {
			u.withProfile(s)
		}
		first := u.wants(0, "", "token", "jama").stdout
		if again := u.wants(0, "", "token", "jama").stdout; again != first {
			t.Errorf("%s: another token", home)
		}
		if said := u.wants(0, "", "doctor").stdout; strings.Contains(said, "FAIL") {
			t.Errorf("%s: %s", home, said)
		}
	}
	if n := s.Count(); n > 2 { // the sealed token is bound to its directory
		t.Errorf("%d requests", n)
	}
}

// TestOthersInTheHome: what the access control lists permit to everybody is refused, and
// what credhelper makes is closed. Wine shows the modes of Linux as such lists.
func TestOthersInTheHome(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	dir := linuxPath(strings.TrimPrefix(u.environ[0], "CREDHELPER_HOME="))
	for _, path := range []string{"", "state", "state/run", "state/locks", "data/keyring", "config", "config/profiles"} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	for _, c := range []struct {
		path string
		mode os.FileMode
		code int
		says string
	}{
		{"state", 0o755, 9, "Everyone can read or change it"},
		{"data", 0o755, 9, "Everyone can read or change it"},
		{"data/keyring", 0o755, 9, "Everyone can read or change it"},
		{"", 0o755, 0, ""},
		{"", 0o777, 9, "Everyone can replace what is in it"},
		{"config/profiles/jama.toml", 0o666, 9, "Everyone can change it"},
		{"config/profiles/jama.toml", 0o644, 0, ""},
	} {
		u.wants(0, "", "cache", "clear", "jama")
		path := filepath.Join(dir, c.path)
		info, err := os.Stat(path)
		if err != nil || os.Chmod(path, c.mode) != nil {
			t.Fatal(err)
		}
		a := u.wants(c.code, "", "token", "jama")
		if c.code != 0 {
			oneLine(t, a, c.says)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	has(t, u.wants(9, "", "doctor").stdout, "FAIL  state", "Everyone can read or change it")
}
