package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManual: the manual has a page for each command that the help shows, and no other; each
// page names the same flags as the help.
func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	cmd := exec.Command(filepath.Join(bin, "credhelper"), "man", dir)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root := new(session).commands()
	root.InitDefaultHelpCmd()
	var all []*cobra.Command
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		all = append(all, c)
		for _, v := range c.Commands() {
			walk(v)
		}
	}
	walk(root)
	if len(all) < 40 {
		t.Fatalf("%d verbs: the test is blind", len(all))
	}
	var want []string
	for _, v := range all {
		want = append(want, pageName(v)+".1")
		page, err := os.ReadFile(filepath.Join(dir, pageName(v)+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		text := strings.ReplaceAll(string(page), `\-`, "-")
		if !strings.Contains(text, v.Short) {
			t.Errorf("%s: the page does not say %q", v.CommandPath(), v.Short)
		}
		v.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(text, "--"+f.Name) {
				t.Errorf("%s: the page does not know --%s", v.CommandPath(), f.Name)
			}
		})
		for _, below := range v.Commands() {
			if !below.Hidden && !strings.Contains(text, pageName(below)+" (1)") {
				t.Errorf("%s: the page does not name %s", v.CommandPath(), below.Name())
			}
		}
	}
	var pages []string
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		pages = append(pages, f.Name())
	}
	slices.Sort(want)
	if !slices.Equal(pages, want) {
		t.Errorf("pages: %v\nverbs: %v", pages, want)
	}
}

// TestRoff: no text of a command's help can become a request of roff.
func TestRoff(t *testing.T) {
	for _, c := range [][2]string{
		{"--json", `\-\-json`},
		{".so /etc/passwd", `\&.so /etc/passwd`},
		{"'tis", `\&'tis`},
		{`C:\data`, `C:\edata`},
	} {
		if got := roff(c[0]); got != c[1] {
			t.Errorf("roff(%q) = %q, want %q", c[0], got, c[1])
		}
	}
	var b strings.Builder
	roffText(&b, "Words:\n  as they are\n\nmore\n")
	if got, want := b.String(), "Words:\n.PP\n.nf\n.RS 2\nas they are\n.RE\n.fi\n.PP\nmore\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReleaseOf: builds of a tag, of a module, of a source archive, and of none of these.
func TestReleaseOf(t *testing.T) {
	for _, c := range []struct{ built, archived, want string }{
		{"v1.2.3", "$Format:%(describe)$", "v1.2.3"},
		{"v1.2.3", "v1.2.2", "v1.2.3"},
		{"(devel)", "v1.2.3", "v1.2.3"},
		{"", "v1.2.3", "v1.2.3"},
		{"(devel)", "$Format:%(describe)$", "(devel)"},
		{"(devel)", "", "(devel)"}, // of a repository without tags
	} {
		if got := releaseOf(c.built, c.archived); got != c.want {
			t.Errorf("releaseOf(%q, %q) = %q, want %q", c.built, c.archived, got, c.want)
		}
	}
}

// TestTopics: each page is a topic by its name, and help finds the pages where packages
// install them.
func TestTopics(t *testing.T) {
	topics := topicsIn("../../docs")
	for _, name := range []string{"grants", "profiles", "exit-codes", "dialects", "git", "docker", "kubectl", "cargo", "terraform"} {
		if topics[name] == "" {
			t.Errorf("no topic %s", name)
		}
	}
	pages, _ := filepath.Glob("../../docs/*.md")
	more, _ := filepath.Glob("../../docs/*/*.md")
	if len(pages) < 5 || len(topics) != len(pages)+len(more) {
		t.Errorf("%d topics, %d pages: two pages have one name", len(topics), len(pages)+len(more))
	}
}

// TestBashWithoutLibrary: cobra's script still contains the one line that needs the package
// bash-completion, and ours does not need it.
func TestBashWithoutLibrary(t *testing.T) {
	out, err := exec.Command(filepath.Join(bin, "credhelper"), "completion", "bash").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`if declare -F _get_comp_words_by_ref .*\n\s+_get_comp_words_by_ref .*\n\s+else\n`).Match(out) {
		t.Errorf("cobra's script has changed:\n%.1500s", out)
	}
}

// TestEveryVerbHasAnExample: the help of each command for people, and of each of
// credhelper's own dialects, contains a line that can be typed (newcomer F10).
func TestEveryVerbHasAnExample(t *testing.T) {
	s := &session{}
	seen := 0
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, verb := range c.Commands() {
			look(verb)
			if verb.Hidden || verb.GroupID == groupTools {
				continue
			}
			seen++
			if verb.DisableFlagParsing && strings.Contains(verb.Long, "Example:\n  ") {
				continue
			}
			if !strings.Contains(verb.Example, verb.CommandPath()) {
				t.Errorf("%s has no example", verb.CommandPath())
			}
		}
	}
	look(s.commands())
	if seen < 30 {
		t.Errorf("only %d verbs", seen)
	}
}
