package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol"
)

// file is one file below the prefix of an installation: /usr, /usr/local, ~/.local.
type file struct {
	name    string // "bin/credhelper"
	mode    os.FileMode
	content []byte
	link    string // the target of a symbolic link; "" for a regular file
}

// sorted orders a tree by name.
func sorted(tree []file) []file {
	slices.SortFunc(tree, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return tree
}

// sharedFiles are those that are the same on every system.
type sharedFiles struct {
	pages []file // docs and licences
	unix  []file // manual, completions and links, which Windows does not need
}

func (s sharedFiles) of(t target) []file {
	if t.os == "windows" {
		return s.pages
	}
	return slices.Concat(s.pages, s.unix)
}

// shared makes them from the source and with the program itself.
func (r *release) shared() (s sharedFiles, err error) {
	bin, err := r.host()
	if err != nil {
		return s, err
	}
	env := []string{"HOME=" + r.work, "CREDHELPER_HOME=" + r.work + "/home", "TZ=UTC"}
	credhelper := func(args ...string) (string, error) { return run(r.work, env, bin+"/credhelper", args...) }
	for _, c := range []struct{ shell, name string }{
		{"bash", "share/bash-completion/completions/credhelper"},
		{"zsh", "share/zsh/site-functions/_credhelper"},
		{"fish", "share/fish/vendor_completions.d/credhelper.fish"},
	} {
		script, err := credhelper("completion", c.shell)
		if err != nil {
			return s, err
		}
		s.unix = append(s.unix, file{name: c.name, mode: 0o644, content: []byte(script)})
	}
	manual := filepath.Join(r.work, "man")
	if _, err := credhelper("man", manual); err != nil {
		return s, err
	}
	pages, err := os.ReadDir(manual)
	if err != nil {
		return s, err
	}
	for _, p := range pages {
		text, err := os.ReadFile(filepath.Join(manual, p.Name()))
		if err != nil {
			return s, err
		}
		s.unix = append(s.unix, file{name: "share/man/man1/" + p.Name() + ".gz", mode: 0o644, content: compressed(text)})
	}
	s.unix = append(s.unix, links()...)
	s.pages, err = r.pages()
	return s, err
}

// ownName reports whether a package may install a dialect's link. It must not install
// "keyring", which belongs to python3-keyring: credhelper setup pip makes that link.
func ownName(link string) bool { return strings.Contains(link, "credhelper") }

// links returns the names under which tools call the front, and manual pages of the same
// names.
func links() (all []file) {
	for _, d := range protocol.Dialects {
		if ownName(d.Link) {
			all = append(all, file{name: "bin/" + d.Link, mode: 0o777, link: "credhelper"})
			page := "share/man/man1/" + d.Link + ".1.gz"
			if target := "credhelper-" + d.Name + ".1.gz"; filepath.Base(page) != target {
				all = append(all, file{name: page, mode: 0o777, link: target})
			}
		}
	}
	return all
}

// pages returns the documentation that credhelper help shows, and the licences that every
// copy must include.
func (r *release) pages() ([]file, error) {
	var all []file
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(r.source, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			relative, _ := filepath.Rel(filepath.Join(r.source, "docs"), name)
			all = append(all, file{name: "share/credhelper-docs/" + filepath.ToSlash(relative), mode: 0o644, content: text})
		}
	}
	for _, name := range []string{"README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"} {
		text, err := os.ReadFile(filepath.Join(r.source, name))
		if err != nil {
			return nil, err
		}
		all = append(all, file{name: "share/doc/credhelper/" + name, mode: 0o644, content: text})
	}
	notices, err := r.notices()
	return append(all, file{name: "share/doc/credhelper/NOTICES", mode: 0o644, content: notices}), err
}

// compressed returns content compressed with gzip, with the same bytes on every machine.
func compressed(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(content) // into memory
	_ = w.Close()
	return b.Bytes()
}
