package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// texts writes the manifests for package managers: the addresses of the archives and
// their hashes. A manifest that needs an archive which this run did not build is omitted.
func (r *release) texts(out string) error {
	files, err := templates.ReadDir("templates")
	if err != nil {
		return err
	}
	for _, f := range files {
		source, err := templates.ReadFile("templates/" + f.Name())
		if err != nil {
			return err
		}
		text, err := r.filled(out, f.Name(), string(source))
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(out, f.Name()), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// filled returns a text with its placeholders filled in; "" if an archive is missing.
func (r *release) filled(out, name, source string) (string, error) {
	missing := false
	archive := func(system string) (target, error) {
		t, err := targetOf(system)
		missing = missing || err == nil && !slices.ContainsFunc(r.targets, func(o target) bool { return o.String() == system })
		return t, err
	}
	page, err := template.New(name).Funcs(template.FuncMap{
		"url": func(system string) (string, error) {
			t, err := archive(system)
			return home + "/releases/download/" + r.version + "/" + r.archiveName(t), err
		},
		"sha256": func(system string) (string, error) {
			t, err := archive(system)
			if err != nil || missing {
				return "", err
			}
			content, err := os.ReadFile(filepath.Join(out, r.archiveName(t)))
			sum := sha256.Sum256(content)
			return hex.EncodeToString(sum[:]), err
		},
		"upper": strings.ToUpper,
	}).Parse(source)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{"Krew": krew(), "Version": r.version, "Number": r.number(), "Home": home, "About": about, "Top": "credhelper-" + r.number()})
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if missing {
		return "", nil
	}
	return b.String(), nil
}

// krewPlatform is a platform of krew's index.
type krewPlatform struct{ Name, OS, Arch, Bin string }

func krew() (all []krewPlatform) {
	for _, t := range targets {
		if t.os != "freebsd" && (t.arch == "amd64" || t.arch == "arm64") {
			all = append(all, krewPlatform{t.String(), t.os, t.arch, t.executable("credhelper")})
		}
	}
	return all
}
