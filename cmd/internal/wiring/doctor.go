package wiring

import (
	"os"
	"path/filepath"
	"strings"
)

// A Path is a path through which a tool calls credhelper.
type Path struct {
	Text string // what names it, and what is wrong with it, for people
	Here bool   // it leads to this credhelper
	Gone bool   // it does not exist
	Mend string // what to type
}

// Paths returns the paths in links and in the configuration of tools, each once.
func Paths(place *Place) (found []Path) {
	here, err := filepath.EvalSymlinks(place.credhelper)
	if err != nil {
		here = place.credhelper
	}
	seen := map[string]bool{}
	add := func(what, path, mend string) {
		if !seen[path] {
			seen[path] = true
			found = append(found, leads(what, path, here, mend))
		}
	}
	for _, tool := range Tools {
		w, err := tool.wire(place)
		if err != nil || w.shell != "" {
			continue
		}
		mend := "credhelper setup " + tool.names[0] + " [NAME] --write"
		for _, e := range w.edits {
			text, _, _ := readConfig(e.path)
			for _, path := range namedPaths(text) {
				add(e.path+" names "+path, path, mend)
			}
		}
		for _, l := range w.links {
			for _, path := range linksLike(l.path) {
				add("link "+path, path, mend)
			}
		}
	}
	return found
}

// leads resolves a path.
func leads(what, path, here, mend string) Path {
	target, err := filepath.EvalSymlinks(path)
	switch {
	case err != nil:
		return Path{Text: what + ", and nothing is there", Gone: true, Mend: mend}
	case target != here:
		return Path{Text: what + ", which is another credhelper than " + here, Mend: mend}
	}
	return Path{Text: what, Here: true}
}

// namedPaths returns the absolute paths of credhelper, or of a link to it, in the
// configuration of a tool.
func namedPaths(text string) (paths []string) {
	if !strings.Contains(text, "credhelper") {
		return nil
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'=;,[]!", r) }) {
		if base := filepath.Base(word); filepath.IsAbs(word) && (isOurs(word) || strings.HasPrefix(base, "credhelper-") || strings.Contains(base, "-credhelper")) {
			paths = append(paths, word)
		}
	}
	return paths
}

// linksLike returns the links to a credhelper at path, and those beside it with a
// profile in their names.
func linksLike(path string) (links []string) {
	names, _ := filepath.Glob(path + "*")
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil && isOurs(target) {
			links = append(links, name)
		}
	}
	return links
}
