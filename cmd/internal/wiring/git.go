package wiring

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
)

// wireGit makes git ask credhelper for the profile's hosts only; without a profile for
// every host, after the existing helpers. It has the path sent only if a profile needs
// it.
func wireGit(p *Place) (Plan, error) {
	command := shellWord(p.credhelper) + " git"
	if !filepath.IsAbs(command) {
		command = "!" + command // a quoted path needs the shell
	}
	if !plainPath(p.credhelper) {
		command = quoted(command)
	}
	lines, about := "", "git asks credhelper for every https host that a profile owns"
	if p.name == "" {
		lines = "[credential]\n\thelper = " + command + "\n"
	}
	paths := map[string]bool{}
	for _, o := range p.origins() {
		paths[gitSection(o.String())] = paths[gitSection(o.String())] || o.Path() != ""
	}
	for _, o := range p.origins() {
		section := gitSection(o.String())
		withPath, open := paths[section]
		if !open {
			continue
		}
		delete(paths, section)
		lines += "[credential " + quoted(section) + "]\n\thelper =\n\thelper = " + command + "\n"
		if withPath {
			lines += "\tuseHttpPath = true\n"
		}
	}
	if p.name != "" {
		about = "git asks credhelper for " + strings.Join(p.hosts(true), ", ") + " only"
	}
	include, next, hints := p.gitInclude()
	if p.name == "" {
		// git passes every answer to all its helpers for storing.
		next = []string{"beside a helper that stores (store, cache, libsecret) name a profile instead: that one would be given the tokens, and answer with them when they have ended; store writes them to its file in clear"}
	}
	text, _, _ := readConfig(p.gitFile())
	if storing := storingHelpers(text); p.name == "" && len(storing) > 0 {
		next = append(next, p.gitFile()+" has such a helper: "+strings.Join(storing, ", "))
	}
	place := func(text, block string) (string, error) {
		if n := brokenGitLine(text); n > 0 {
			return "", conflict("git cannot read its line " + strconv.Itoa(n))
		}
		return atEnd(text, block)
	}
	return Plan{
		about: about,
		edits: []fileEdit{blockEdit(p.gitFile(), p.id("git"), lines+include, place)},
		next:  next,
		hints: hints,
	}, nil
}

// gitFile returns the user's git configuration.
func (p *Place) gitFile() string {
	file := p.under(".gitconfig")
	if other := p.config("git", "config"); !isFile(file) && isFile(other) {
		file = other
	}
	return p.file("GIT_CONFIG_GLOBAL", file)
}

// gitStoring are the helpers that store answers of other helpers: git passes every
// accepted credential to all its helpers.
var gitStoring = [...]string{"store", "cache", "libsecret", "gnome-keyring", "osxkeychain", "wincred", "manager", "manager-core", "netrc"}

// storingHelpers returns those that a git configuration names, with the text after
// them.
func storingHelpers(text string) (found []string) {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.EqualFold(strings.TrimSpace(key), "helper") {
			value = strings.Trim(strings.TrimSpace(value), `"`)
			first, _, _ := strings.Cut(value, " ")
			name := strings.TrimPrefix(filepath.Base(first), "git-credential-")
			if slices.Contains(gitStoring[:], name) {
				found = append(found, printable.Line(value))
			}
		}
	}
	return found
}

// Storing reports which helpers store the tokens that git gets from credhelper, and how
// to fix that; "" if there is none. A helper before our part of the file counts only if
// our part is for every host: for a single host it clears the list of helpers.
func Storing(p *Place) (text, mend string) {
	config, _, _ := readConfig(p.gitFile())
	const begin = "# >>> credhelper setup git"
	at := strings.Index(config, begin)
	if at < 0 {
		return "", ""
	}
	_, behind, _ := strings.Cut(config[at:], "# <<< credhelper setup git")
	storing := storingHelpers(behind)
	if strings.HasPrefix(config[at:], begin+"\n") {
		storing = storingHelpers(config)
	}
	if len(storing) == 0 {
		return "", ""
	}
	return p.gitFile() + ": git gives the tokens to another helper to keep: " + strings.Join(storing, ", ") + " (store writes them to its file in clear)",
		"credhelper setup git NAME --write for each profile, behind that helper, and credhelper setup git --remove"
}

// gitInclude configures an old git, which cannot send Bearer from a helper, for a
// server that accepts nothing else: git includes a file with the header, which sink
// keeps. The helper is then asked only if the header was refused.
func (p *Place) gitInclude() (lines string, next, hints []string) {
	if p.bearerFile != "" {
		return "[include]\n\tpath = " + quoted(p.bearerFile) + "\n",
			[]string{"git includes the header from that file as long as this keeps it: " + p.sinkCall(p.bearerFile)}, nil
	}
	old := p.olderGit()
	if old == "" || len(p.origins()) == 0 {
		return "", nil, nil
	}
	file := p.bearerPlace()
	return "", nil, []string{
		"git " + old + " cannot send Bearer. For a server that takes nothing else, git can include",
		"a file with the header, which sink keeps fresh:",
		"  credhelper setup git " + p.name + " --write --bearer-file " + typed(file),
		"  " + p.sinkCall(file),
	}
}

// gitSection returns an origin without its path, because git compares paths in full.
func gitSection(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// sinkCall returns the command that keeps the file, to run once or as a service.
func (p *Place) sinkCall(file string) string {
	return "credhelper sink " + p.name + " --format git-include --file " + typed(file)
}

// bearerPlace returns a suitable place for the file: one that ends with the session if
// possible, and that other users cannot access.
func (p *Place) bearerPlace() string {
	return filepath.Join(p.file("XDG_RUNTIME_DIR", p.home), ".git-bearer-"+p.name)
}

// firstBearerGit is the first version that accepts authtype and credential from a
// helper.
var firstBearerGit = [2]int{2, 46}

// olderGit returns the version of the git in PATH if it cannot send Bearer; "" if it
// can, or if there is none.
func (p *Place) olderGit() string {
	if p.gitVersion == nil {
		return ""
	}
	words := strings.Fields(p.gitVersion()) // git version 2.39.5 (Apple Git-154)
	if len(words) < 3 || words[0] != "git" || words[1] != "version" {
		return ""
	}
	parts := strings.Split(words[2], ".")
	if len(parts) < 2 {
		return ""
	}
	major, errMajor := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	if errMajor != nil || errMinor != nil || major > firstBearerGit[0] || major == firstBearerGit[0] && minor >= firstBearerGit[1] {
		return ""
	}
	return printable.Line(words[2])
}
