//go:build release

package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// installedTree lists what each package must install.
var installedTree = []string{"usr/bin/credhelper", "usr/bin/git-credential-credhelper", "usr/libexec/credhelper-engine", "usr/libexec/credhelper-plugin",
	"usr/share/man/man1/credhelper.1.gz", "usr/share/credhelper-docs/grants.md", "usr/share/doc/credhelper/LICENSE"}

// inRoot checks what was installed in a root directory, and runs it.
func inRoot(t *testing.T, root string) {
	t.Helper()
	for _, name := range installedTree {
		if out, err := said(root, "test", "-e", name); err != nil {
			t.Errorf("%s is missing: %v %s", name, err, out)
		}
	}
	if out, err := said("", "chroot", root, "/usr/bin/credhelper", "version"); err != nil && !strings.Contains(out, "/proc") {
		t.Errorf("%v\n%s", err, out) // without /proc it cannot find itself
	}
	if out, err := said("", filepath.Join(root, "usr/bin/credhelper"), "version"); err != nil || !strings.Contains(out, version) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRPM: rpm installs the package into an empty root directory, and removes it.
func TestRPM(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	name := filepath.Join(dist, "credhelper-"+strings.Replace(number(), "-", "~", 1)+"-1.x86_64.rpm")
	for _, args := range [][]string{{"--root", root, "--initdb"}, {"--root", root, "--nosignature", "-i", name}} {
		if out, err := said("", "rpm", args...); err != nil {
			t.Fatalf("rpm %v: %v\n%s", args, err, out)
		}
	}
	inRoot(t, root)
	if out, err := said("", "rpm", "--root", root, "-V", "credhelper"); err != nil {
		t.Errorf("rpm -V: %v\n%s", err, out)
	}
	if out, err := said("", "rpm", "--root", root, "-e", "credhelper"); err != nil {
		t.Errorf("rpm -e: %v\n%s", err, out)
	}
	if out, err := said(root, "find", ".", "-name", "credhelper*"); err != nil || out != "" {
		t.Errorf("rpm -e leaves %v\n%s", err, out)
	}
}

// TestArch: pacman installs the package into an empty root.
func TestArch(t *testing.T) {
	dir := t.TempDir()
	if out, err := said(dir, "sh", "-ec", `mkdir -p root/var/lib/pacman
printf '[options]\nArchitecture = x86_64\nSigLevel = Never\n' > pacman.conf
pacman --config pacman.conf --root "$PWD/root" --dbpath "$PWD/root/var/lib/pacman" --noconfirm --noscriptlet -U "$1"`, "sh",
		filepath.Join(dist, "credhelper-"+strings.Replace(number(), "-", "", 1)+"-1-x86_64.pkg.tar.zst")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	inRoot(t, filepath.Join(dir, "root"))
}

// TestAlpine: the package has the form of apk's: three gzip streams, of which the second
// has .PKGINFO and the third the files. There is no apk here to install it.
func TestAlpine(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dist, "*_x86_64.apk"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(read(t, files[0])))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		found[h.Name] = string(text)
	}
	for _, line := range []string{"pkgname = credhelper\n", "arch = x86_64\n", "license = Apache-2.0\n"} {
		if !strings.Contains(found[".PKGINFO"], line) {
			t.Errorf(".PKGINFO does not say %s: %s", line, found[".PKGINFO"])
		}
	}
	for _, name := range installedTree {
		if _, there := found[name]; !there {
			t.Errorf("%s is missing", name)
		}
	}
}
