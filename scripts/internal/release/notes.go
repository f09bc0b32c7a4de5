package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// notes returns what CHANGELOG.md says about this version. A release that is not for users
// may use the section "Unreleased".
func (r *release) notes() (string, error) {
	text, err := os.ReadFile(filepath.Join(r.source, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	body, ok := section(string(text), r.version)
	if !ok && (r.key.test || r.key.none) {
		body, ok = section(string(text), "Unreleased")
	}
	if !ok {
		return "", fmt.Errorf("CHANGELOG.md has no section %s: rename Unreleased, and begin a new one", r.version)
	}
	return "# credhelper " + r.version + "\n\n" + body + "\nCommit " + r.commit + ". How to check what you downloaded: [SECURITY.md](" + home + "/blob/" + r.version + "/SECURITY.md).\n", nil
}

// section returns the text below the heading "## NAME" or "## NAME, DATE".
func section(changelog, name string) (string, bool) {
	var b strings.Builder
	inside, found := false, false
	for line := range strings.Lines(changelog) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			title, _, _ := strings.Cut(strings.TrimSpace(heading), ",")
			inside = title == name
			found = found || inside
			continue
		}
		if inside {
			b.WriteString(line)
		}
	}
	return strings.TrimSpace(b.String()) + "\n", found
}
