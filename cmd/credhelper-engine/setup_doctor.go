package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tools checks what setup has wired: whether the links, and the paths that
// tools' files name, still lead to a credhelper, and to this one.
func (x *examination) tools() {
	place, err := x.setupPlace(nil, true)
	if err != nil {
		return // the installation itself is wrong, and said to be
	}
	astray := map[string]bool{} // by path, each looked at once
	for _, tool := range setupTools {
		w, err := tool.wire(place)
		if err != nil || w.shell != "" {
			continue
		}
		mend := "credhelper setup " + tool.names[0] + " [NAME] --write"
		for _, e := range w.edits {
			text, _, _ := readConfig(e.path)
			for _, path := range namedPaths(text) {
				x.leadsHere(e.path+" names "+path, path, place.credhelper, mend, astray)
			}
		}
		for _, l := range w.links {
			for _, path := range linksLike(l.path) {
				x.leadsHere("link "+path, path, place.credhelper, mend, astray)
			}
		}
	}
	for _, wrong := range astray {
		if wrong {
			return
		}
	}
	if len(astray) > 0 {
		x.add("tools", good, fmt.Sprintf("%d paths in links and tools' files lead here", len(astray)), "")
	}
}

// leadsHere adds what is wrong with a path, once for each.
func (x *examination) leadsHere(what, path, here, mend string, astray map[string]bool) {
	if _, again := astray[path]; again {
		return
	}
	target, err := filepath.EvalSymlinks(path)
	astray[path] = err != nil || target != here
	switch {
	case !astray[path]:
	case err == nil:
		x.add("tools", note, what+", which is another credhelper than "+here, mend)
	default:
		x.add("tools", bad, what+", and nothing is there", mend)
	}
}

// namedPaths are the absolute paths of credhelper, or of a link to it, that a
// tool's file names.
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

// linksLike are the links at path, and beside it those with a profile in their
// names, that lead to a credhelper.
func linksLike(path string) (links []string) {
	names, _ := filepath.Glob(path + "*")
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil && isOurs(target) {
			links = append(links, name)
		}
	}
	return links
}
