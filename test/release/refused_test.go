//go:build release

package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unpackLine is README's line for archives, with the archive of a system.
func unpackLine(t *testing.T, archive string) string {
	t.Helper()
	line, found := strings.CutSuffix(typed(t, "any Linux, macOS, FreeBSD"), "credhelper_*_linux_amd64.tar.gz")
	if !found {
		t.Fatalf("README.md does not say how an archive is unpacked: %s", line)
	}
	return line + archive
}

// inHome runs a script with an empty home, in a user namespace, where it may mount and
// no emulator is known.
func inHome(t *testing.T, script string) (string, error) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command("unshare", "-Urm", "bash", "-euc", "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc\n"+script)
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=" + home + "/.local/bin:" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestArchiveRefused: an archive that is damaged, of another machine, or unpacked where
// nobody can write leads to an error for which docs/install.md says what to do.
func TestArchiveRefused(t *testing.T) {
	good := archives(t)["linux/amd64"]
	for what, change := range damages {
		name := filepath.Join(t.TempDir(), good)
		if err := os.WriteFile(name, read(t, filepath.Join(dist, good)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := change(name); err != nil {
			t.Fatal(err)
		}
		out, err := inHome(t, unpackLine(t, name))
		refused(t, what, out, err)
	}
	out, err := inHome(t, unpackLine(t, filepath.Join(dist, archives(t)["linux/s390x"]))+"\ncredhelper version")
	refused(t, "another machine's archive", out, err, "Exec format error")
	out, err = inHome(t, "mkdir .local; mount --bind .local .local; mount -o remount,ro,bind .local\n"+unpackLine(t, filepath.Join(dist, good)))
	refused(t, "a read-only prefix", out, err, "Read-only file system")
}

// TestMachines: the table of machines in docs/install.md names files of the release, and
// none is missing there.
func TestMachines(t *testing.T) {
	_, table, found := strings.Cut(string(read(t, "../../docs/install.md")), "\n| `uname -m` | Archive | deb | rpm | apk |\n|---|---|---|---|---|\n")
	if !found {
		t.Fatal("docs/install.md has no table of machines")
	}
	listed := map[string]bool{}
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "|") {
			break
		}
		cell := strings.Split(strings.NewReplacer("`", "", " ", "").Replace(row), "|")
		for _, pattern := range []string{"credhelper_*_" + cell[2] + ".tar.gz", "credhelper_*_" + cell[3] + ".deb", "credhelper-*." + cell[4] + ".rpm", "credhelper_*_" + cell[5] + ".apk"} {
			if files, _ := filepath.Glob(filepath.Join(dist, pattern)); len(files) != 1 {
				t.Errorf("%s: %v are %s", cell[1], files, pattern)
			}
		}
		listed[strings.Replace(cell[2], "_", "/", 1)] = true
	}
	for system := range archives(t) {
		if strings.HasPrefix(system, "linux/") && !listed[system] {
			t.Errorf("docs/install.md does not know %s", system)
		}
	}
}

// TestForeignKey: scripts/release refuses a key that SECURITY.md does not have before it
// builds anything, and goes on with one that it has.
func TestForeignKey(t *testing.T) {
	clone := filepath.Join(t.TempDir(), "clone")
	git := func(args ...string) {
		t.Helper()
		if out, err := said("", "git", append([]string{"-c", "safe.directory=*", "-c", "user.name=Test", "-c", "user.email=test@example.com"}, args...)...); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("clone", "-q", "../..", clone)
	page := filepath.Join(clone, "SECURITY.md")
	text := strings.Replace(string(read(t, page)), "(none yet: no release has been signed)", `credhelper namespaces="file" `+strings.Join(strings.Fields(string(read(t, key+".pub")))[:2], " "), 1)
	other := filepath.Join(t.TempDir(), "other")
	if out, err := said("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	release := func(key, says string) {
		t.Helper()
		out, err := said(clone, "scripts/release", "v9.9.9", "--key", key, "--dist", "made")
		if err == nil || !strings.Contains(out, says) {
			t.Errorf("%v, no %q in\n%s", err, says, out)
		}
		if _, err := os.Stat(filepath.Join(clone, "made")); err == nil {
			t.Error("something was made")
		}
	}
	release(key, "SECURITY.md names no release key")
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	git("-C", clone, "commit", "-q", "-a", "-m", "a key")
	release(other, "the key's public half is none of those in SECURITY.md")
	release(key, "CHANGELOG.md has no section v9.9.9")
}
