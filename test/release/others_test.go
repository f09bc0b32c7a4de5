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

// TestRPM: rpm installs the package into an empty root directory, and removes it. What
// is not this machine's or is damaged it refuses; as rpm 6 does, it wants README's flag
// for a package without a signature in it.
func TestRPM(t *testing.T) {
	dir, name := t.TempDir(), "credhelper-"+strings.Replace(number(), "-", "~", 1)+"-1.x86_64.rpm"
	root := filepath.Join(dir, "root")
	line := strings.Replace(typed(t, "Fedora, RHEL, openSUSE"), "rpm -i", "rpm --root "+root+" --define '_pkgverify_level all' -i", 1)
	run := func(script string) (string, error) { return said(dir, "sh", "-ec", script) }
	must := func(script string) string {
		t.Helper()
		out, err := run(script)
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return out
	}
	refuses := func(script string, words ...string) {
		t.Helper()
		out, err := run(script)
		refused(t, script, out, err, words...)
	}
	must("rpm --root " + root + " --initdb; cp " + filepath.Join(dist, name) + " .")
	refuses(strings.Replace(line, "--nosignature", "", 1), "does not verify: no signature")
	refuses(strings.Replace(line, "credhelper-*.x86_64.rpm", filepath.Join(dist, strings.Replace(name, "x86_64", "aarch64", 1)), 1), "is intended for a different architecture")
	for what, change := range damages {
		if err := change(filepath.Join(dir, name)); err != nil {
			t.Fatal(what, err)
		}
		refuses(line)
		must("cp " + filepath.Join(dist, name) + " .")
	}
	must(line)
	inRoot(t, root)
	must("rpm --root " + root + " -V credhelper && rpm --root " + root + " -e credhelper")
	if left := must("cd root && find . -name 'credhelper*'"); left != "" {
		t.Errorf("rpm -e leaves\n%s", left)
	}
}

// TestArch: pacman installs the package into an empty root, with the levels of signatures
// that Arch Linux sets.
func TestArch(t *testing.T) {
	dir := t.TempDir()
	line := strings.Replace(typed(t, "Arch Linux"), "pacman ", `pacman --config pacman.conf --root "$PWD/root" --dbpath "$PWD/root/var/lib/pacman" --noconfirm --noscriptlet `, 1)
	if out, err := said(dir, "sh", "-ec", `mkdir -p root/var/lib/pacman
printf '[options]\nArchitecture = x86_64\nSigLevel = Required DatabaseOptional\nLocalFileSigLevel = Optional\n' > pacman.conf
cp "$1"/credhelper-*-x86_64.pkg.tar.zst .
`+line, "sh", dist); err != nil {
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
