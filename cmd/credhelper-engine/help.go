package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// helpCommand shows a command's usage and its page of the documentation. The pages are
// beside the executables, in share: embedding them would slow down every miss and every
// command.
func (s *session) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [VERB|TOPIC|topics]",
		Short:   "show the usage of a command, or a page of the documentation",
		Example: "  credhelper help grants\n  credhelper help git\n  credhelper help topics",
		GroupID: groupKeep,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names := topicNames(findTopics())
			for _, v := range c.Root().Commands() {
				if !v.Hidden && !slices.Contains(names, v.Name()) {
					names = append(names, v.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error { return s.help(c.Root(), args) },
	}
}

// help prints the usage of a command, or the page of a topic.
func (s *session) help(root *cobra.Command, words []string) error {
	topics := findTopics()
	if len(words) == 1 && words[0] == "topics" {
		if len(topics) == 0 {
			return noPages(words[0])
		}
		return s.print(strings.Join(topicNames(topics), "\n") + "\n")
	}
	verb, rest, err := root.Find(words)
	found := err == nil && len(rest) == 0
	page := ""
	if len(words) == 1 {
		page = topics[words[0]]
	}
	switch {
	case !found && page == "" && len(topics) == 0:
		return noPages(words[0])
	case !found && page == "":
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "no command or topic " + printable.Value(strings.Join(words, " ")), Hint: cmp.Or(didYouMean(words[0], append(topicNames(topics), root.SuggestionsFor(words[0])...)), "see credhelper help topics")}
	case found:
		if err := s.verbHelp(verb); err != nil || page == "" {
			return err
		}
		if err := s.print("\n"); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	return s.print(string(text))
}

// verbHelp prints what --help does. A command that parses its own arguments has no flags
// that cobra could list.
func (s *session) verbHelp(verb *cobra.Command) error {
	if verb.DisableFlagParsing {
		return s.print(verb.Long)
	}
	verb.InitDefaultHelpFlag()
	return verb.Help()
}

// pagesPlace is the directory of the documentation below the prefix of the executables'
// bin or libexec. It is not share/credhelper, which below ~/.local is where the secrets
// are. Images of containers omit share/doc, and no program may need files there.
const pagesPlace = "share/credhelper-docs"

// findTopics returns the installed pages: the file of each name.
func findTopics() map[string]string {
	self, err := handover.Self()
	if err != nil {
		return nil
	}
	return topicsIn(filepath.Join(filepath.Dir(filepath.Dir(self)), filepath.FromSlash(pagesPlace)))
}

// topicsIn returns the pages in dir and, for the tools, in its directory dialects.
func topicsIn(dir string) map[string]string {
	topics := map[string]string{}
	for _, pattern := range [...]string{"dialects/*.md", "*.md"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, f := range files {
			name := strings.TrimSuffix(filepath.Base(f), ".md")
			if name == "README" { // the table of all tools
				name = "dialects"
			}
			topics[name] = f
		}
	}
	return topics
}

func topicNames(topics map[string]string) (names []string) {
	for name := range topics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// noPages is the error of an installation without the documentation, as by go install.
func noPages(word string) error {
	version := cmp.Or(strings.TrimSuffix(release(), "+dirty"), "main")
	if !strings.HasPrefix(version, "v") || strings.Count(version, "-") > 1 {
		version = "main" // no tag's name
	}
	return &protocol.Error{
		Kind: protocol.ErrMalformed,
		Text: "no command " + printable.Value(word) + ", and this credhelper was installed without the pages (" + pagesPlace + ")",
		Hint: "read them at https://github.com/credhelper/credhelper/tree/" + version + "/docs, or install a package of the release",
	}
}
