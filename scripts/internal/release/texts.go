package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	page, err := template.New(name).Funcs(template.FuncMap{
		"archive": func(system string) (string, error) {
			t, err := targetOf(system)
			return r.archiveName(t), err
		},
		"url": func(archive string) string { return home + "/releases/download/" + r.version + "/" + archive },
		"sha256": func(archive string) (string, error) {
			content, err := os.ReadFile(filepath.Join(out, archive))
			if errors.Is(err, fs.ErrNotExist) {
				missing = true
				return "", nil
			}
			return fmt.Sprintf("%x", sha256.Sum256(content)), err
		},
		"upper": strings.ToUpper,
	}).Parse(source)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{"Krew": r.krew(), "Version": r.version, "Number": r.number(), "Home": home, "About": about, "Top": r.top()})
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if missing {
		return "", nil
	}
	return b.String(), nil
}

// krewPlatform is a platform of a manifest of krew.
type krewPlatform struct{ OS, Arch, Archive, Executable string }

func (r *release) krew() (all []krewPlatform) {
	for _, t := range targets {
		if name := r.krewName(t); name != "" {
			all = append(all, krewPlatform{t.os, t.arch, name, t.executable("credhelper")})
		}
	}
	return all
}
