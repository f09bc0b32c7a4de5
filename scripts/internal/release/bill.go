package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// bill is the software bill of materials, in CycloneDX 1.6: each module of which a part
// is in an executable of this release, as the executables themselves say.
type bill struct {
	version string
	modules map[string]*debug.Module // by path@version
	needs   map[string][]string      // the executable's name to its modules
	goes    string                   // the version of Go
}

func newBill(version string) *bill {
	return &bill{version: version, modules: map[string]*debug.Module{}, needs: map[string][]string{}}
}

// add adds the modules in the executables of a tree, and fails if they are not of this
// version.
func (b *bill) add(tree []file) error {
	for _, f := range tree {
		info, err := buildinfo.Read(bytes.NewReader(f.content))
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if info.Main.Version != b.version {
			return fmt.Errorf("%s says that it is %s, not %s", f.name, info.Main.Version, b.version)
		}
		b.goes = info.GoVersion
		name := strings.TrimSuffix(filepath.Base(f.name), ".exe")
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			id := m.Path + "@" + m.Version
			b.modules[id] = m
			if !slices.Contains(b.needs[name], id) {
				b.needs[name] = append(b.needs[name], id)
			}
		}
	}
	return nil
}

// component, dependency and hash are CycloneDX's.
type component struct {
	Ref     string `json:"bom-ref"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type dependency struct {
	Ref  string   `json:"ref"`
	Need []string `json:"dependsOn,omitempty"`
}

func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// write writes the bill. It has neither a time nor a serial number, so that it is the
// same on every machine.
func (b *bill) write(name string) error {
	main := component{Ref: "credhelper", Type: "application", Name: "credhelper", Version: b.version, PURL: purl(ourModule, b.version)}
	std := component{Ref: "std", Type: "library", Name: "std", Version: b.goes, PURL: purl("std", strings.TrimPrefix(b.goes, "go"))}
	components, graph := []component{std}, []dependency{}
	for _, id := range slices.Sorted(maps.Keys(b.modules)) {
		m := b.modules[id]
		c := component{Ref: id, Type: "library", Name: m.Path, Version: m.Version, PURL: purl(m.Path, m.Version)}
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}} // of the module's tree, as go.sum has it
		}
		components = append(components, c)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(b.needs)) {
		components = append(components, component{Ref: name + "-executable", Type: "application", Name: name, Version: b.version, PURL: purl(ourModule, b.version) + "#cmd/" + name})
		parts = append(parts, name+"-executable")
		graph = append(graph, dependency{name + "-executable", append([]string{"std"}, slices.Sorted(slices.Values(b.needs[name]))...)})
	}
	graph = append(graph, dependency{Ref: "credhelper", Need: parts})
	text, err := json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": map[string]any{"component": main},
		"components": components, "dependencies": graph,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

const ourModule = "github.com/credhelper/credhelper"

// notices are the licences of all that is linked on any system, whichever of them this
// run builds: they want to be beside each copy, and to be the same in each.
func (r *release) notices() ([]byte, error) {
	goroot, err := run(r.source, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{"the Go standard library": strings.TrimSpace(goroot)}
	for _, t := range targets {
		out, err := run(r.source, t.environ(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}", "./cmd/...")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && !strings.HasPrefix(module, ourModule+" ") {
				dirs[module] = dir
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("credhelper is under the Apache License 2.0. It links these, under their own licences.\n")
	for _, module := range slices.SortedFunc(maps.Keys(dirs), cmp.Compare[string]) {
		fmt.Fprintf(&b, "\n\n======== %s\n", module)
		var files []string
		for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "PATENTS*"} {
			found, _ := filepath.Glob(filepath.Join(dirs[module], pattern))
			files = append(files, found...)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s has no licence in %s", module, dirs[module])
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n%s\n", bytes.TrimSpace(text))
		}
	}
	return b.Bytes(), nil
}
