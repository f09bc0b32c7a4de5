package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	home       = "https://github.com/credhelper/credhelper"
	maintainer = "The credhelper authors <credhelper@users.noreply.github.com>"
	about      = "get OAuth 2.0 bearer tokens, for people and for tools"
)

// content is one file of a package, as nfpm reads it.
type content struct {
	Src  string         `json:"src,omitempty"`
	Dst  string         `json:"dst"`
	Type string         `json:"type,omitempty"`
	Info map[string]any `json:"file_info,omitempty"`
}

// packages makes a target's packages from its tree.
func (r *release) packages(out string, t target, tree []file) error {
	if r.nfpm == "" {
		return nil
	}
	for _, format := range t.packages {
		stage := filepath.Join(r.work, "stage")
		contents, err := staged(stage, withExtras(r, format, tree))
		if err != nil {
			return err
		}
		// JSON is YAML.
		config, err := json.Marshal(map[string]any{
			"name": "credhelper", "arch": t.arch + t.arm, "platform": "linux", "version": r.version, "version_schema": "semver",
			"section": "utils", "priority": "optional", "maintainer": maintainer, "vendor": "credhelper", "homepage": home,
			"license": "Apache-2.0", "recommends": []string{"ca-certificates"}, "mtime": time.Unix(r.epoch, 0).UTC().Format(time.RFC3339), "contents": contents,
			"description": about + "\ncredhelper keeps OAuth client secrets in an encrypted keyring, fetches a\ntoken once, keeps it sealed until it ends, and gives it only to the origin\nit belongs to.",
			"rpm":         map[string]any{"group": "Applications/System", "summary": about, "packager": maintainer, "buildhost": "localhost"},
			"archlinux":   map[string]any{"packager": maintainer},
		})
		if err != nil {
			return err
		}
		name := filepath.Join(r.work, "nfpm.yaml")
		if err := os.WriteFile(name, config, 0o644); err != nil {
			return err
		}
		epoch := "SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.epoch, 10)
		if _, err := run(r.work, []string{epoch}, r.nfpm, "package", "--config", name, "--packager", format, "--target", out); err != nil {
			return err
		}
		if err := os.RemoveAll(stage); err != nil {
			return err
		}
	}
	return nil
}

// staged writes a tree below dir, and returns where a package puts each of its files.
func staged(dir string, tree []file) ([]content, error) {
	var all []content
	own := map[string]bool{}
	for _, f := range sorted(tree) {
		dst := "/usr/" + f.name
		// Our directories are removed with the package.
		for d := path.Dir(dst); strings.Contains(d, "/credhelper") && !own[d]; d = path.Dir(d) {
			own[d] = true
			all = append(all, content{Dst: d, Type: "dir", Info: map[string]any{"mode": 0o755}})
		}
		if f.link != "" {
			all = append(all, content{Src: f.link, Dst: dst, Type: "symlink"})
			continue
		}
		src := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(src), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(src, f.content, f.mode); err != nil {
			return nil, err
		}
		all = append(all, content{Src: src, Dst: dst, Info: map[string]any{"mode": int(f.mode.Perm())}})
	}
	return all, nil
}

// withExtras adapts a tree to a kind of package: Debian has its own directory for zsh's
// completions, its own form of changelog and copyright, and overrides for lintian.
func withExtras(r *release, format string, tree []file) []file {
	if format != "deb" {
		return tree
	}
	var all []file
	for _, f := range tree {
		switch {
		case strings.HasPrefix(f.name, "share/zsh/site-functions/"):
			f.name = "share/zsh/vendor-completions/" + filepath.Base(f.name)
		case f.name == "share/doc/credhelper/LICENSE": // it is in /usr/share/common-licenses
			continue
		}
		all = append(all, f)
	}
	return append(all,
		file{name: "share/doc/credhelper/copyright", mode: 0o644, content: []byte(debianCopyright)},
		file{name: "share/doc/credhelper/changelog.gz", mode: 0o644, content: compressed(r.debianChangelog())},
		file{name: "share/lintian/overrides/credhelper", mode: 0o644, content: []byte(lintianOverrides)},
	)
}

const debianCopyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: credhelper
Source: ` + home + `
Comment: What is linked, and its licences, is in /usr/share/doc/credhelper/NOTICES.

Files: *
Copyright: 2026 The credhelper authors
License: Apache-2.0
 On Debian systems, the complete text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
`

// The executables are static: they need no library and run in any image.
const lintianOverrides = `credhelper: statically-linked-binary
`

func (r *release) debianChangelog() []byte {
	var b bytes.Buffer
	version := strings.Replace(r.number(), "-", "~", 1)
	when := time.Unix(r.epoch, 0).UTC().Format(time.RFC1123Z)
	fmt.Fprintf(&b, "credhelper (%s) stable; urgency=medium\n\n  * What is new is in CHANGELOG.md, beside this file.\n\n -- %s  %s\n", version, maintainer, when)
	return b.Bytes()
}
