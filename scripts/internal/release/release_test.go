package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestParse: arguments that are not clearly a release are refused.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		args string
		ok   bool
	}{
		{"v1.2.3 --key k", true},
		{"v1.2.3-rc.1 --test-key k", true},
		{"v1.2.3 --unsigned --target linux/armv7 --target windows/amd64 --dist d", true},
		{"v1.2.3", false}, // unsigned by mistake
		{"v1.2.3 --key k --unsigned", false},
		{"v1.2.3 --key k --test-key k", false},
		{"1.2.3 --key k", false},
		{"v1.2 --key k", false},
		{"v01.2.3 --key k", false},
		{"v1.2.3+local --key k", false},
		{"v1.2.3-what.ever --key k", false},
		{"v1.2.3 --key k extra", false},
		{"v1.2.3 --key k --target plan9/amd64", false},
		{"--key k", false},
		{"", false},
	} {
		r, err := parse(strings.Fields(c.args))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.args, err)
		}
		if c.args == "v1.2.3 --key k" && (r.key.test || r.key.file != "k" || len(r.targets) != len(targets)) {
			t.Errorf("%s: %+v", c.args, r)
		}
	}
}

// sshKey makes a key, and returns its file and its line as in SECURITY.md.
func sshKey(t *testing.T) (name, line string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	public, err := os.ReadFile(name + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return name, `credhelper namespaces="file" ` + strings.TrimSpace(string(public))
}

// TestKey: a release is signed with a key that SECURITY.md publishes, or is not made; that
// is checked before anything is built.
func TestKey(t *testing.T) {
	key, line := sshKey(t)
	other, otherLine := sshKey(t)
	for _, c := range []struct {
		what string
		page string
		key  signer
		says string // "" if it is accepted
	}{
		{"its public half is there", "Keys:\n\n```\n" + line + "\n```\n", signer{file: key}, ""},
		{"one of two", otherLine + "\n" + line + "\n", signer{file: key}, ""},
		{"another's is there", otherLine + "\n", signer{file: key}, "none of those in SECURITY.md"},
		{"none is there", "(none yet)\n", signer{file: key}, "SECURITY.md names no release key"},
		{"only in a sentence", "not " + line + "\n", signer{file: key}, "SECURITY.md names no release key"},
		{"a key for tests", "(none yet)\n", signer{file: other, test: true}, ""},
		{"no such file", line + "\n", signer{file: key + "-gone"}, "ssh-keygen cannot sign"},
		{"unsigned", "", signer{none: true}, ""},
	} {
		source := t.TempDir()
		if err := os.WriteFile(filepath.Join(source, "SECURITY.md"), []byte(c.page), 0o600); err != nil {
			t.Fatal(err)
		}
		err := c.key.check(source, t.TempDir())
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.what, err, c.says)
		}
	}
}

// TestPagesOfTheKey: as long as SECURITY.md has no release key, it and README.md say that
// no release is signed, and no longer.
func TestPagesOfTheKey(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile("../../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	security, readme := read("SECURITY.md"), read("README.md")
	signed := keyLine.MatchString(security)
	for text, page := range map[string]string{"(none yet: no release has been signed)": security, "the first signed release brings it here": security, "No release has been signed yet": readme} {
		if strings.Contains(page, text) == signed {
			t.Errorf("a release key is in SECURITY.md: %v; a page says %q: %v", signed, text, signed)
		}
	}
}

// TestSection: the notes are those of this version, not of another one whose name begins the
// same.
func TestSection(t *testing.T) {
	const changelog = "# Changelog\n\nAbout.\n\n## Unreleased\n\nnew\n\n## v1.2.3, 2026-11-28\n\n- a\n\n### Changed\n\n- b\n\n## v1.2.30\n\nmore\n## v1.2.2\n"
	for _, c := range []struct {
		name, want string
		found      bool
	}{
		{"v1.2.3", "- a\n\n### Changed\n\n- b\n", true},
		{"v1.2.30", "more\n", true},
		{"Unreleased", "new\n", true},
		{"v1.2", "\n", false},
	} {
		if got, found := section(changelog, c.name); got != c.want || found != c.found {
			t.Errorf("%s: %q, %v", c.name, got, found)
		}
	}
}

// TestNotes: a release needs notes of its own; a test build may use those of the unreleased
// changes.
func TestNotes(t *testing.T) {
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "CHANGELOG.md"), []byte("## Unreleased\n\nnew\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &release{version: "v1.2.3", source: source, key: signer{file: "key"}}
	if _, err := r.notes(); err == nil || !strings.Contains(err.Error(), "CHANGELOG.md has no section v1.2.3") {
		t.Errorf("without a section: %v", err)
	}
	r.key.test = true
	if notes, err := r.notes(); err != nil || !strings.Contains(notes, "\nnew\n") {
		t.Errorf("%v\n%s", err, notes)
	}
}

// TestArchiveBytes: archives have the commit's time, no owner's name and sorted entries, so
// that the same files give the same bytes.
func TestArchiveBytes(t *testing.T) {
	when := time.Unix(1_800_000_000, 0).UTC()
	tree := []file{{name: "share/b", mode: 0o644, content: []byte("b")}, {name: "bin/a", mode: 0o755, content: []byte("a")}, {name: "bin/link", mode: 0o777, link: "a"}}
	first, err := tarred("top", sorted(tree), when)
	if err != nil {
		t.Fatal(err)
	}
	tree[0], tree[2] = tree[2], tree[0]
	second, err := tarred("top", sorted(tree), when)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the order in which files were found is in the archive: %v", err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(first))
	if err != nil || !unzipped.ModTime.IsZero() || unzipped.Name != "" {
		t.Fatalf("%v, %+v", err, unzipped)
	}
	var names []string
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if !h.ModTime.Equal(when) || h.Uid != 0 || h.Gid != 0 || h.Uname != "root" {
			t.Errorf("%+v", h)
		}
	}
	if got := strings.Join(names, " "); got != "top/bin/a top/bin/link top/share/b" {
		t.Error(got)
	}
	zip1, err1 := zipped("top", tree, when)
	zip2, err2 := zipped("top", tree, when)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(zip1, zip2) {
		t.Error("two zips differ", err)
	}
}

// tarNames returns the names in a .tar.gz, of links with what they lead to.
func tarNames(t *testing.T, name string) (names []string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimSuffix(h.Name+" -> "+h.Linkname, " -> "))
	}
}

// TestArchives: each system has one archive, and those of krew's index that have links in
// it have another without any, because krew cannot unpack them.
func TestArchives(t *testing.T) {
	shared := sharedFiles{
		pages: []file{{name: "share/page", mode: 0o644}},
		unix:  []file{{name: "bin/link", mode: 0o777, link: "front"}},
	}
	for system, want := range map[string]map[string]string{
		"linux/amd64":   {"credhelper_1.2.3_linux_amd64.tar.gz": "bin/front bin/link -> front share/page", "credhelper-krew_1.2.3_linux_amd64.tar.gz": "bin/front share/page"},
		"darwin/arm64":  {"credhelper_1.2.3_darwin_arm64.tar.gz": "bin/front bin/link -> front share/page", "credhelper-krew_1.2.3_darwin_arm64.tar.gz": "bin/front share/page"},
		"linux/riscv64": {"credhelper_1.2.3_linux_riscv64.tar.gz": "bin/front bin/link -> front share/page"},
		"freebsd/amd64": {"credhelper_1.2.3_freebsd_amd64.tar.gz": "bin/front bin/link -> front share/page"},
		"windows/amd64": {"credhelper_1.2.3_windows_amd64.zip": ""},
	} {
		target, err := targetOf(system)
		if err != nil {
			t.Fatal(err)
		}
		r, out := &release{version: "v1.2.3"}, t.TempDir()
		if err := r.archives(out, target, []file{{name: "bin/front", mode: 0o755}}, shared); err != nil {
			t.Fatal(err)
		}
		made, err := os.ReadDir(out)
		if err != nil || len(made) != len(want) {
			t.Errorf("%s: %v, %v", system, made, err)
		}
		for name, tree := range want {
			if tree == "" {
				continue
			}
			got := strings.ReplaceAll(strings.Join(tarNames(t, filepath.Join(out, name)), " "), "credhelper-1.2.3/", "")
			if got != tree {
				t.Errorf("%s: %s, want %s", name, got, tree)
			}
		}
	}
}

// TestNoBorrowedNames: packages install only files with names of ours.
func TestNoBorrowedNames(t *testing.T) {
	all := links()
	if len(all) < 8 {
		t.Fatalf("%d links: the test is blind", len(all))
	}
	for _, l := range all {
		if !strings.Contains(filepath.Base(l.name), "credhelper") {
			t.Errorf("%s is another program's name", l.name)
		}
	}
}

// TestFilled: a text gets each archive's address and hash, or is left out.
func TestFilled(t *testing.T) {
	out := t.TempDir()
	r := &release{version: "v1.2.3", targets: targets[:1]}
	if err := os.WriteFile(filepath.Join(out, r.archiveName(targets[0])), []byte("archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := r.filled(out, "text", `{{.Number}} {{archive "linux/amd64" | url}} {{archive "linux/amd64" | sha256}}`)
	const address = "https://github.com/credhelper/credhelper/releases/download/v1.2.3/credhelper_1.2.3_linux_amd64.tar.gz"
	if want := fmt.Sprintf("1.2.3 %s %x", address, sha256.Sum256([]byte("archive"))); err != nil || text != want {
		t.Errorf("%v\n%s, want\n%s", err, text, want)
	}
	if text, err := r.filled(out, "text", `{{archive "darwin/arm64" | sha256}}`); err != nil || text != "" {
		t.Errorf("with an archive missing: %q, %v", text, err)
	}
	if _, err := r.filled(out, "text", `{{archive "plan9/amd64"}}`); err == nil {
		t.Error("a system that is none")
	}
}

// TestNotOverOld: a release is made only into an empty directory.
func TestNotOverOld(t *testing.T) {
	dist := t.TempDir()
	if err := os.WriteFile(filepath.Join(dist, "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &release{version: "v1.2.3", dist: dist, key: signer{none: true}}
	if err := r.make(); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Error(err)
	}
}
