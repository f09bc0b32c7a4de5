//go:build wine

package windows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plainBin holds the executables where a path has nothing that a tool would split, as
// most who install for cargo, Bazel and rclone have it.
func plainBin(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("WINEPREFIX"), "drive_c", "tools", "bin")
	if err := os.CopyFS(dir, os.DirFS(bin)); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}

// TestSetup: each tool is configured in the file that it reads on Windows, with a link
// that it can start, and without a trace afterwards.
func TestSetup(t *testing.T) {
	s, u := newServer(t), newUser(t)
	u.withProfile(s)
	u.bin = plainBin(t)
	profile := filepath.Dir(appData(t))
	for _, c := range []struct{ tool, file, says, link string }{
		{"docker", ".docker/config.json", `"credhelper-jama"`, "docker-credential-credhelper-jama"},
		{"goauth", "AppData/Roaming/go/env", "GOAUTH=C:/tools/bin/credhelper.exe goauth", ""},
		{"pip", "AppData/Roaming/pip/pip.ini", "keyring-provider = subprocess", "keyring"},
		{"uv", "AppData/Roaming/uv/uv.toml", `keyring-provider = "subprocess"`, "keyring"},
		{"cargo", ".cargo/config.toml", `"C:/tools/bin/cargo-credential-credhelper.exe"`, "cargo-credential-credhelper"},
		{"bazel", ".bazelrc", "=C:/tools/bin/credhelper-bazel.exe", "credhelper-bazel"},
		{"rclone", "AppData/Roaming/rclone/rclone.conf", "bearer_token_command = C:/tools/bin/credhelper.exe token jama", ""},
		{"claude", ".claude/settings.json", "C:/tools/bin/credhelper.exe", ""},
	} {
		t.Run(c.tool, func(t *testing.T) {
			u := &user{t: t, bin: u.bin}
			arguments := []string{"setup", c.tool, "jama"}
			if c.tool == "cargo" {
				arguments = arguments[:2]
			}
			u.wants(0, "", append(arguments, "--write")...)
			written, err := os.ReadFile(filepath.Join(profile, c.file))
			if err != nil || !strings.Contains(string(written), c.says) {
				t.Errorf("%v, and no %q in:\n%s", err, c.says, written)
			}
			if c.link != "" {
				if a := u.run(c.link+".exe", ""); a.code == 9 || strings.Contains(a.stderr, "engine") {
					t.Errorf("%s: exit %d %s", c.link, a.code, a.stderr)
				}
			}
			u.wants(0, "", append(arguments, "--write")...) // again: nothing to do
			u.wants(0, "", append(arguments, "--remove")...)
			if left, err := os.ReadFile(filepath.Join(profile, c.file)); err == nil && strings.Contains(string(left), "credhelper") {
				t.Errorf("left behind:\n%s", left)
			}
			if _, err := os.Lstat(filepath.Join(u.bin, c.link+".exe")); c.link != "" && err == nil {
				t.Errorf("%s.exe is left behind", c.link)
			}
		})
	}
	has(t, u.wants(0, "", "setup", "terraform").stdout, "terraform.rc", "AppData/Roaming/terraform.d/plugins/terraform-credentials-credhelper.exe", "New-Item -ItemType SymbolicLink")
}

// TestDialects: tools ask by their own names for the executable.
func TestDialects(t *testing.T) {
	s := newServer(t)
	u := newHome(t).withProfile(s)
	u.bin = plainBin(t)
	host := strings.TrimPrefix(s.URL(), "http://")
	for _, name := range []string{"git-credential-credhelper", "docker-credential-credhelper-jama", "terraform-credentials-credhelper"} {
		link := filepath.Join(u.bin, name+".exe")
		_ = os.Remove(link)
		if err := os.Link(filepath.Join(u.bin, "credhelper.exe"), link); err != nil {
			t.Fatal(err)
		}
	}
	a := u.run("git-credential-credhelper.exe", "protocol=http\r\nhost="+host+"\r\n\r\n", "get")
	has(t, a.stdout, "password=")
	has(t, u.run("docker-credential-credhelper-jama.exe", s.URL(), "get").stdout, `"Secret":`)
	has(t, u.wants(0, "", "kubectl", "--profile", "jama").stdout, `"token":`)
	requests(t, s, 1)
}
