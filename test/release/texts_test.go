//go:build release

package release

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestTexts: the manifests for package managers name files of this release, with their
// hashes.
func TestTexts(t *testing.T) {
	hash := regexp.MustCompile(`\b[0-9a-fA-F]{64}\b`)
	address := regexp.MustCompile(`https://[^"\s;]+/releases/download/[^"\s;]+`)
	for name, archives := range map[string]int{"credhelper.rb": 4, "credhelper.json": 2, "credhelper.credhelper.installer.yaml": 2, "credhelper.yaml": 6, "credhelper.nix": 4} {
		text := string(read(t, filepath.Join(dist, name)))
		hashes, addresses := hash.FindAllString(text, -1), address.FindAllString(text, -1)
		if len(hashes) != archives || len(addresses) != archives {
			t.Errorf("%s has %d hashes and %d addresses, not %d", name, len(hashes), len(addresses), archives)
			continue
		}
		for i, a := range addresses {
			served(t, name, a, hashes[i])
		}
		if !strings.Contains(text, number()) || strings.Contains(text, "{{") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
	if notes := string(read(t, filepath.Join(dist, "RELEASE_NOTES.md"))); !strings.HasPrefix(notes, "# credhelper "+version+"\n") || len(notes) < 300 {
		t.Errorf("notes:\n%s", notes)
	}
}

// served checks that an address is that of a file of this release with this hash, and
// returns the file's name.
func served(t *testing.T, who, address, hash string) string {
	t.Helper()
	name, ours := strings.CutPrefix(address, "https://github.com/credhelper/credhelper/releases/download/"+version+"/")
	if sums := string(read(t, filepath.Join(dist, "SHA256SUMS"))); !ours || !strings.Contains(sums, strings.ToLower(hash)+"  "+name+"\n") {
		t.Errorf("%s: %s is not the hash of %s", who, hash, address)
	}
	return name
}

// unpackedHere unpacks an archive and returns its only directory.
func unpackedHere(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := said(dir, "tar", "-xzf", filepath.Join(dist, name)); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return filepath.Join(dir, "credhelper-"+number())
}

// works checks that an installed credhelper runs, with its engine and its documentation.
func works(t *testing.T, credhelper string) {
	t.Helper()
	for _, c := range []struct{ args, says string }{
		{"version", "credhelper " + version + " ("},
		{"help grants", "client_credentials"},
	} {
		cmd := exec.Command(credhelper, strings.Fields(c.args)...)
		cmd.Env = []string{"HOME=" + t.TempDir()}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%s %s: %v, no %q in\n%.500s", credhelper, c.args, err, c.says, out)
		}
	}
}

// TestKrew: krew itself installs the plugin, and what its setup writes is the link that
// krew keeps in PATH, whatever the release. The archives of other systems have a file of
// the name that the manifest says, and no links either.
func TestKrew(t *testing.T) {
	root, manifest := t.TempDir(), filepath.Join(dist, "credhelper.yaml")
	script := `"$KREW" install --manifest="$MANIFEST" --archive="$ARCHIVE"
kubectl-credhelper keyring use file
` + strings.ReplaceAll(adds(server(t)), "| credhelper", "| kubectl-credhelper") + `
kubectl-credhelper setup kubectl work`
	cmd := exec.Command("bash", "-euc", script)
	cmd.Env = []string{"HOME=" + root, "KREW_ROOT=" + root, "PATH=" + root + "/bin:" + os.Getenv("PATH"),
		"KREW=" + krew, "MANIFEST=" + manifest, "ARCHIVE=" + filepath.Join(dist, "credhelper-krew_"+number()+"_linux_amd64.tar.gz")}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "command: \""+root+"/bin/kubectl-credhelper\"") {
		t.Fatalf("%v\n%s", err, out)
	}
	works(t, filepath.Join(root, "bin/kubectl-credhelper"))

	var plugin struct {
		Spec struct {
			Platforms []struct {
				URI, Sha256, Bin string
				Selector         struct{ MatchLabels map[string]string }
			}
		}
	}
	if err := yaml.Unmarshal(read(t, manifest), &plugin); err != nil || len(plugin.Spec.Platforms) != 6 {
		t.Fatalf("%v: %d platforms", err, len(plugin.Spec.Platforms))
	}
	for _, p := range plugin.Spec.Platforms {
		name, system := served(t, "krew", p.URI, p.Sha256), p.Selector.MatchLabels
		if !strings.Contains(name, system["os"]+"_"+system["arch"]+".") {
			t.Errorf("%s is not for %v", name, system)
		}
		tree := unpacked(t, name)
		if tree[strings.TrimPrefix(p.Bin, "credhelper-"+number()+"/")].content == nil {
			t.Errorf("%s has no %s", name, p.Bin)
		}
		for path, e := range tree {
			if e.link != "" {
				t.Errorf("%s: %s is a link, which krew cannot unpack", name, path)
			}
		}
	}
}

// TestHomebrew: the formula is Ruby that names the archive of each system, and its
// installation and its test work.
func TestHomebrew(t *testing.T) {
	formula, player := filepath.Join(dist, "credhelper.rb"), filepath.Join(here(t), "testdata/homebrew.rb")
	if out, err := said("", "ruby", "-wc", formula); err != nil || strings.TrimSpace(out) != "Syntax OK" {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	for _, system := range []string{"darwin/arm64", "darwin/amd64", "linux/arm64", "linux/amd64"} {
		os, arch, _ := strings.Cut(system, "/")
		args := []string{player, formula, os, arch}
		if system == "linux/amd64" {
			args = append(args, unpackedHere(t, archives(t)[system]))
		}
		out, err := said(dir, "ruby", args...)
		lines := strings.Fields(out)
		if err != nil || len(lines) != 2 {
			t.Errorf("%s: %v\n%s", system, err, out)
			continue
		}
		if name := served(t, system, lines[0], lines[1]); name != archives(t)[system] {
			t.Errorf("%s gets %s", system, name)
		}
	}
	works(t, filepath.Join(dir, "prefix/bin/credhelper"))
}

// TestNix: the expression is evaluated by Nix for each system, with the little that it
// uses of nixpkgs, and its installation works.
func TestNix(t *testing.T) {
	out, err := exec.Command("nix-instantiate", "--eval", "--strict", "--json", "--store", "dummy://",
		"-E", "import "+filepath.Join(here(t), "testdata/nixpkgs.nix")+" "+filepath.Join(dist, "credhelper.nix")).Output()
	var built map[string]struct {
		Version, InstallPhase string
		Src                   struct{ URL, SHA256 string }
		Meta                  struct {
			License, MainProgram string
			Platforms            []string
		}
	}
	if err == nil {
		err = json.Unmarshal(out, &built)
	}
	if err != nil || len(built) != 4 {
		t.Fatalf("%v\n%s", err, out)
	}
	for system, b := range built {
		arch, os, _ := strings.Cut(system, "-")
		want := archives(t)[os+"/"+map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[arch]]
		if name := served(t, system, b.Src.URL, b.Src.SHA256); name != want || b.Version != number() || b.Meta.MainProgram != "credhelper" || len(b.Meta.Platforms) != 4 {
			t.Errorf("%s gets %s: %+v", system, name, b)
		}
	}
	prefix := filepath.Join(t.TempDir(), "store")
	cmd := exec.Command("bash", "-euc", built["x86_64-linux"].InstallPhase)
	cmd.Dir, cmd.Env = unpackedHere(t, archives(t)["linux/amd64"]), []string{"out=" + prefix, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	works(t, filepath.Join(prefix, "bin/credhelper"))
}

// TestScoop: the manifest has the members of Scoop's schema and no other, and the paths
// that it names are in the archives.
func TestScoop(t *testing.T) {
	var m struct {
		Version, Description, Homepage, License string
		Architecture                            map[string]struct{ URL, Hash string }
		ExtractDir                              string `json:"extract_dir"`
		Bin                                     string
	}
	d := json.NewDecoder(bytes.NewReader(read(t, filepath.Join(dist, "credhelper.json"))))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil || m.Version != number() || m.Homepage == "" || m.License != "Apache-2.0" || len(m.Architecture) != 2 {
		t.Fatalf("%v: %+v", err, m)
	}
	for scoop, system := range map[string]string{"64bit": "windows/amd64", "arm64": "windows/arm64"} {
		a := m.Architecture[scoop]
		onWindows(t, "scoop", system, a.URL, a.Hash, m.ExtractDir+`\`+m.Bin)
	}
}

// onWindows checks that a manifest names the archive of a system, and an executable in it.
func onWindows(t *testing.T, who, system, address, hash, executable string) {
	t.Helper()
	name := served(t, who, address, hash)
	path := strings.TrimPrefix(strings.ReplaceAll(executable, `\`, "/"), "credhelper-"+number()+"/")
	if name != archives(t)[system] || unpacked(t, name)[path].content == nil {
		t.Errorf("%s gets %s for %s, with %s", who, name, system, executable)
	}
}

// TestWinget: the three manifests have the members that the schemas of version 1.6.0
// require and no unknown ones, and say the same of the package.
func TestWinget(t *testing.T) {
	type common struct{ PackageIdentifier, PackageVersion, ManifestType, ManifestVersion string }
	var main struct {
		common
		DefaultLocale string
	}
	var locale struct {
		common
		PackageLocale, Publisher, PackageName, PackageUrl, License, ShortDescription string
	}
	var installer struct {
		common
		InstallerType, NestedInstallerType string
		NestedInstallerFiles               []struct{ RelativeFilePath, PortableCommandAlias string }
		Installers                         []struct{ Architecture, InstallerUrl, InstallerSha256 string }
	}
	for _, m := range []struct {
		part, kind string
		common     *common
		all        any
	}{
		{"", "version", &main.common, &main},
		{".locale.en-US", "defaultLocale", &locale.common, &locale},
		{".installer", "installer", &installer.common, &installer},
	} {
		text := read(t, filepath.Join(dist, "credhelper.credhelper"+m.part+".yaml"))
		if err := yaml.UnmarshalStrict(text, m.all); err != nil {
			t.Errorf("%s: %v", m.kind, err)
		}
		if *m.common != (common{"credhelper.credhelper", number(), m.kind, "1.6.0"}) {
			t.Errorf("%s: %+v", m.kind, *m.common)
		}
		if schema := "# yaml-language-server: $schema=https://aka.ms/winget-manifest." + m.kind + ".1.6.0.schema.json\n"; !bytes.HasPrefix(text, []byte(schema)) {
			t.Errorf("%s: its first line is not %s", m.kind, schema)
		}
	}
	if main.DefaultLocale != locale.PackageLocale || locale.Publisher == "" || locale.PackageName != "credhelper" || locale.License != "Apache-2.0" || len(locale.ShortDescription) < 3 {
		t.Errorf("%+v, %+v", main, locale)
	}
	files := installer.NestedInstallerFiles
	if installer.InstallerType != "zip" || installer.NestedInstallerType != "portable" || len(files) != 1 || files[0].PortableCommandAlias != "credhelper" || len(installer.Installers) != 2 {
		t.Fatalf("%+v", installer)
	}
	for _, i := range installer.Installers {
		onWindows(t, "winget", map[string]string{"x64": "windows/amd64", "arm64": "windows/arm64"}[i.Architecture], i.InstallerUrl, i.InstallerSha256, files[0].RelativeFilePath)
	}
}
