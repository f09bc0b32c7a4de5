package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/protocol"
)

// typedCalls returns the calls of credhelper that a page shows in code, in blocks or lines, each
// as the words after the program's name and before what is another program's.
func typedCalls(page string) (calls [][]string) {
	var code []string
	for i, part := range regexp.MustCompile("(?m)^```.*$").Split(page, -1) {
		if i%2 == 1 {
			code = append(code, strings.ReplaceAll(part, "\\\n", " "))
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(part, -1) {
			code = append(code, strings.ReplaceAll(m[1], "\n", " "))
		}
	}
	call := regexp.MustCompile(`(?:^|[\s"'(/\\;|])credhelper(?:\.exe)? +([a-z][^\n|;#<>)]*)`)
	quoted := regexp.MustCompile(`"[^"]*"`)
	for _, text := range code {
		for _, at := range call.FindAllStringSubmatchIndex(text, -1) {
			typed := text[at[2]:at[3]]
			line := text[strings.LastIndex(text[:at[2]], "\n")+1 : at[2]]
			if strings.Count(line, `"`)%2 == 1 { // the call itself is quoted
				typed, _, _ = strings.Cut(typed, `"`)
			}
			typed, _, _ = strings.Cut(quoted.ReplaceAllString(typed, "")+" ", " -- ")
			calls = append(calls, strings.Fields(typed))
		}
	}
	return calls
}

// TestPagesCallWhatExists: each command of credhelper that a page shows exists, and has the
// flags that it is shown with.
func TestPagesCallWhatExists(t *testing.T) {
	s := &session{}
	root := s.commands()
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md"} {
		found, _ := filepath.Glob("../../" + pattern)
		pages = append(pages, found...)
	}
	topics := topicsIn("../../docs")
	seen, flags := 0, 0
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range typedCalls(string(page)) {
			switch {
			case words[0] == "help" && len(words) > 1:
				topic := words[1]
				if _, found := topics[topic]; !found && topic != "topics" && topic != "TOPIC" {
					t.Errorf("%s: there is no topic %s", path, topic)
				}
				continue
			case strings.Contains(words[0], "="): // a line of another program, in which the name is data
				continue
			}
			c, _, err := root.Find(words)
			if err != nil || c == root {
				t.Errorf("%s: there is no command credhelper %s", path, strings.Join(words, " "))
				continue
			}
			seen++
			for _, word := range words {
				name, _, _ := strings.Cut(strings.Trim(word, `',.[]`), "=")
				if !strings.HasPrefix(name, "-") || name == "-" {
					continue
				}
				flags++
				if !takesFlag(c, name) {
					t.Errorf("%s: %s has no flag %s: credhelper %s", path, c.CommandPath(), name, strings.Join(words, " "))
				}
			}
		}
	}
	if seen < 200 || flags < 100 {
		t.Errorf("%d commands with %d flags: the test is blind", seen, flags)
	}
}

func takesFlag(c *cobra.Command, name string) bool {
	if c.DisableFlagParsing { // a dialect, which says in its help what it takes
		return regexp.MustCompile(`[\s[]` + name + `[\s\]]`).MatchString(c.Long)
	}
	long, isLong := strings.CutPrefix(name, "--")
	if isLong {
		return c.Flags().Lookup(long) != nil || c.InheritedFlags().Lookup(long) != nil
	}
	short := name[1:]
	return len(short) == 1 && (c.Flags().ShorthandLookup(short) != nil || c.InheritedFlags().ShorthandLookup(short) != nil)
}

// TestFormatsAreNamed: the help of header and of sink, and the page, name each format that
// there is, and no other one.
func TestFormatsAreNamed(t *testing.T) {
	var names string
	for _, d := range protocol.Dialects {
		if d.Name == "header" {
			_, err := d.Decode(protocol.Call{Args: []string{"work", "--format", "?"}})
			_, names, _ = strings.Cut(err.Error(), "there are ")
		}
	}
	page, err := os.ReadFile("../../docs/dialects/plain.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Formats of `header`")
	table, _, _ = strings.Cut(table, "```")
	formats := strings.Split(names, ", ")
	if len(formats) < 5 {
		t.Fatalf("%d formats: the test is blind", len(formats))
	}
	sink := (&session{}).sinkCommand().Flags().Lookup("format").Usage
	for _, format := range formats {
		for where, text := range map[string]string{"header --help": ownUsage["header"], "sink --help": sink, "docs/dialects/plain.md": table} {
			if !regexp.MustCompile(`(?:^|[\s` + "`" + `])` + format + `(?:[\s,` + "`" + `]|$)`).MatchString(text) {
				t.Errorf("%s does not name the format %s", where, format)
			}
		}
	}
}
