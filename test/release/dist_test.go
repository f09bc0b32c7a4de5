//go:build release

package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What scripts/test-release made.
var (
	dist    = os.Getenv("RELEASE_DIST")    // the release
	again   = os.Getenv("RELEASE_AGAIN")   // the same, or a part of it, made elsewhere without any cache
	version = os.Getenv("RELEASE_VERSION") // the tag
	key     = os.Getenv("RELEASE_KEY")     // the throw-away key that signed it; .pub beside it
	debian  = os.Getenv("RELEASE_DEBIAN")  // a Debian, fresh from debootstrap
	krew    = os.Getenv("RELEASE_KREW")    // the executable of krew
)

func TestMain(m *testing.M) {
	for _, set := range []string{dist, again, version, key, debian, krew} {
		if set == "" {
			fmt.Fprintln(os.Stderr, "there is no release to test: run scripts/test-release, which makes one and runs these tests")
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// number returns the version as it appears in names of files.
func number() string { return strings.TrimPrefix(version, "v") }

// said runs a program and returns its stdout and stderr.
func said(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// names returns the names of the files in a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s is empty: %v", dir, err)
	}
	for _, f := range files {
		all = append(all, f.Name())
	}
	return all
}

// here returns the directory of these tests.
func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// archives returns the names of the archives of executables, by system.
func archives(t *testing.T) map[string]string {
	all := map[string]string{}
	name := regexp.MustCompile(`^credhelper_` + regexp.QuoteMeta(number()) + `_([a-z]+)_([a-z0-9]+)\.(?:tar\.gz|zip)$`)
	for _, f := range names(t, dist) {
		if m := name.FindStringSubmatch(f); m != nil {
			all[m[1]+"/"+m[2]] = f
		}
	}
	if len(all) < 12 {
		t.Fatalf("%d archives: %v", len(all), all)
	}
	return all
}

// entry is a file of an archive.
type entry struct {
	mode    os.FileMode
	content []byte
	link    string
}

// unpacked returns the files of an archive, without its only directory.
func unpacked(t *testing.T, name string) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	content := read(t, filepath.Join(dist, name))
	add := func(path string, e entry) {
		path, ok := strings.CutPrefix(path, "credhelper-"+number()+"/")
		if !ok || strings.Contains(path, "..") {
			t.Errorf("%s: %s is outside of its directory", name, path)
		}
		all[path] = e
	}
	if strings.HasSuffix(name, ".zip") {
		r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.File {
			file, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(file)
			if err != nil {
				t.Fatal(err)
			}
			add(f.Name, entry{f.Mode(), text, ""})
		}
		return all
	}
	zipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		add(h.Name, entry{h.FileInfo().Mode(), text, h.Linkname})
	}
}

// TestReproducible: a build in another directory without caches has the same bytes.
func TestReproducible(t *testing.T) {
	same := 0
	for _, name := range names(t, again) {
		if strings.HasPrefix(name, "SHA256SUMS") || strings.HasSuffix(name, ".cdx.json") && len(names(t, again)) < len(names(t, dist)) {
			continue // of fewer files
		}
		if sha256.Sum256(read(t, filepath.Join(dist, name))) != sha256.Sum256(read(t, filepath.Join(again, name))) {
			t.Errorf("%s is not the same when it is made in another directory with a cold cache", name)
		}
		same++
	}
	if same < 6 {
		t.Errorf("%d files compared: the test is blind", same)
	}
}

// TestTrees: each archive is a tree to unpack into a prefix, with executables of this
// version and system, and nothing that others could write.
func TestTrees(t *testing.T) {
	for system, name := range archives(t) {
		goos, arch, _ := strings.Cut(system, "/")
		exe := ""
		if goos == "windows" {
			exe = ".exe"
		}
		tree := unpacked(t, name)
		for path, e := range tree {
			if mode := e.mode.Perm(); e.link == "" && mode != 0o644 && mode != 0o755 {
				t.Errorf("%s: %s has mode %v", name, path, mode)
			}
		}
		for _, path := range []string{"bin/credhelper" + exe, "libexec/credhelper-engine" + exe, "libexec/credhelper-plugin" + exe} {
			info, err := buildinfo.Read(bytes.NewReader(tree[path].content))
			if err != nil {
				t.Errorf("%s: %s: %v", name, path, err)
				continue
			}
			built := map[string]string{}
			for _, s := range info.Settings {
				built[s.Key] = s.Value
			}
			if info.Main.Version != version || built["GOOS"] != goos || !strings.HasPrefix(arch, built["GOARCH"]) || built["CGO_ENABLED"] != "0" || built["-trimpath"] != "true" || built["vcs.modified"] != "false" {
				t.Errorf("%s: %s is %s, %v", name, path, info.Main.Version, built)
			}
		}
		wanted := []string{"share/credhelper-docs/grants.md", "share/credhelper-docs/dialects/git.md", "share/doc/credhelper/LICENSE", "share/doc/credhelper/NOTICES"}
		if goos != "windows" {
			wanted = append(wanted, "bin/git-credential-credhelper", "bin/docker-credential-credhelper", "bin/cargo-credential-credhelper",
				"bin/terraform-credentials-credhelper", "share/man/man1/credhelper.1.gz", "share/man/man1/git-credential-credhelper.1.gz",
				"share/bash-completion/completions/credhelper", "share/zsh/site-functions/_credhelper", "share/fish/vendor_completions.d/credhelper.fish")
		}
		for _, path := range wanted {
			if _, there := tree[path]; !there {
				t.Errorf("%s has no %s", name, path)
			}
		}
		for path, e := range tree {
			target := filepath.Join(filepath.Dir(path), e.link)
			if _, there := tree[target]; e.link != "" && !there {
				t.Errorf("%s: %s leads to %s, which is not there", name, path, target)
			}
		}
		if _, there := tree["bin/keyring"]; there {
			t.Errorf("%s has python3-keyring's name", name)
		}
	}
}

// checked runs the commands of SECURITY.md that check a download.
func checked(dir, allowed string) (string, error) {
	return said(dir, "sh", "-ec", "ssh-keygen -Y verify -n file -I credhelper -f "+allowed+" -s SHA256SUMS.sig < SHA256SUMS\nsha256sum --ignore-missing -c SHA256SUMS")
}

// TestSignature: two commands check a download, and detect a changed byte anywhere,
// somebody else's signature and a missing one.
func TestSignature(t *testing.T) {
	page := string(read(t, "../../SECURITY.md"))
	for _, line := range []string{
		"ssh-keygen -Y verify -n file -I credhelper -f allowed_signers -s SHA256SUMS.sig < SHA256SUMS\n", "sha256sum --ignore-missing -c SHA256SUMS\n"} {
		if !strings.Contains(page, line) {
			t.Errorf("SECURITY.md does not say %s", line)
		}
	}
	name := archives(t)["linux/amd64"]
	for _, c := range []struct {
		what   string
		change func(dir string) error
		says   string
	}{
		{"as it is", func(string) error { return nil }, name + ": OK"},
		{"a damaged archive", func(dir string) error { return flip(filepath.Join(dir, name)) }, name + ": FAILED"},
		{"half an archive", func(dir string) error { return half(filepath.Join(dir, name)) }, name + ": FAILED"},
		{"another list", func(dir string) error { return flip(filepath.Join(dir, "SHA256SUMS")) }, "incorrect signature"},
		{"another signature", func(dir string) error { return flip(filepath.Join(dir, "SHA256SUMS.sig")) }, ""},
		{"no signature", func(dir string) error { return os.Remove(filepath.Join(dir, "SHA256SUMS.sig")) }, "Couldn't read signature file"},
		{"a file of no release", func(dir string) error { return os.Rename(filepath.Join(dir, name), filepath.Join(dir, "other.tar.gz")) }, "no file was verified"},
		{"another's key", func(dir string) error {
			other := filepath.Join(t.TempDir(), "key")
			if out, err := said("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other); err != nil {
				return fmt.Errorf("%s: %w", out, err)
			}
			_ = os.Remove(filepath.Join(dir, "SHA256SUMS.sig"))
			_, err := said(dir, "ssh-keygen", "-Y", "sign", "-n", "file", "-f", other, "SHA256SUMS")
			return err
		}, "Could not verify signature"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range []string{name, "SHA256SUMS", "SHA256SUMS.sig"} {
				if err := os.WriteFile(filepath.Join(dir, f), read(t, filepath.Join(dist, f)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			allowed := filepath.Join(t.TempDir(), "allowed_signers")
			if err := os.WriteFile(allowed, append([]byte(`credhelper namespaces="file" `), read(t, key+".pub")...), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			out, err := checked(dir, allowed)
			if c.what != "as it is" {
				refused(t, "checking "+c.what, out, err, c.says)
			} else if err != nil || !strings.Contains(out, c.says) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// damages are what happens to downloads.
var damages = map[string]func(name string) error{"a changed bit": flip, "half of it": half}

func half(name string) error { return os.Truncate(name, 1<<20) }

// flip changes one bit in the middle of a file.
func flip(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	content[len(content)/2] ^= 1
	return os.WriteFile(name, content, 0o600)
}

// TestBill: the bill of materials lists exactly the modules that the executables contain.
func TestBill(t *testing.T) {
	var bill struct {
		Format     string `json:"bomFormat"`
		Components []struct{ Type, Name, Version, PURL string }
	}
	if err := json.Unmarshal(read(t, filepath.Join(dist, "credhelper_"+number()+".cdx.json")), &bill); err != nil {
		t.Fatal(err)
	}
	listed, linked := map[string]bool{}, map[string]bool{}
	for _, c := range bill.Components {
		if c.Type == "library" && c.Name != "std" {
			listed[c.Name+" "+c.Version] = true
		}
		if !strings.HasPrefix(c.PURL, "pkg:golang/") {
			t.Errorf("%s: %s", c.Name, c.PURL)
		}
	}
	for _, name := range archives(t) {
		for path, e := range unpacked(t, name) {
			if !strings.HasPrefix(path, "bin/") && !strings.HasPrefix(path, "libexec/") || e.link != "" {
				continue
			}
			info, err := buildinfo.Read(bytes.NewReader(e.content))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range info.Deps {
				linked[m.Path+" "+m.Version] = true
			}
		}
	}
	if bill.Format != "CycloneDX" || len(linked) < 10 || !maps.Equal(listed, linked) {
		t.Errorf("%s lists %v\nlinked are %v", bill.Format, slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(linked)))
	}
}
