//go:build release

package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
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

// members returns the members of a gzip file, each of them still compressed.
func members(t *testing.T, content []byte) (all [][]byte) {
	t.Helper()
	rest := bytes.NewReader(content)
	unzipped, err := gzip.NewReader(rest)
	for began := 0; err == nil; err = unzipped.Reset(rest) {
		unzipped.Multistream(false)
		if _, err := io.Copy(io.Discard, unzipped); err != nil {
			t.Fatal(err)
		}
		end := len(content) - rest.Len()
		all, began = append(all, content[began:end]), end
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return all
}

// TestAlpine: the package is what apk verifies when it installs one: a member with
// .PKGINFO, which has the hash of the other member, and in that the files, each with its
// hash in its header. There is no apk here to install it.
func TestAlpine(t *testing.T) {
	if line := typed(t, "Alpine"); line != "apk add --allow-untrusted credhelper_*_x86_64.apk" {
		t.Errorf("README.md says %s, and only the form of a package without signature is tested", line)
	}
	files, err := filepath.Glob(filepath.Join(dist, "credhelper_*_x86_64.apk"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	parts := members(t, read(t, files[0]))
	if len(parts) != 2 {
		t.Fatalf("%d members", len(parts))
	}
	found := map[string]string{}
	for _, part := range parts {
		unzipped, err := gzip.NewReader(bytes.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(unzipped); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && len(found) == 1 {
				break // the first part of a tar has no end
			}
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(r)
			found[h.Name] = string(text)
			if sum := fmt.Sprintf("%x", sha1.Sum(text)); h.Typeflag == tar.TypeReg && h.Name != ".PKGINFO" && h.PAXRecords["APK-TOOLS.checksum.SHA1"] != sum {
				t.Errorf("%s has %v, not %s", h.Name, h.PAXRecords, sum)
			}
		}
	}
	for _, line := range []string{"pkgname = credhelper\n", "arch = x86_64\n", "license = Apache-2.0\n", fmt.Sprintf("datahash = %x\n", sha256.Sum256(parts[1]))} {
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
