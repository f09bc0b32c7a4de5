package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes the manual, for packages: one page for each command in the help,
// with the same text.
func (s *session) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "write the manual's pages into a new directory",
		Hidden: true,
		Args:   between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.Mkdir(args[0], 0o755); err != nil {
				return err
			}
			for _, v := range visible(c.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], pageName(v)+".1"), []byte(manPage(v)), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// visible returns a command and those below it that the help shows.
func visible(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, v := range c.Commands() {
		if !v.Hidden {
			all = append(all, visible(v)...)
		}
	}
	return all
}

// pageName returns the name of a command's manual page: credhelper-cache-clear.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage returns a command's manual page, in the language of man(7).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	name := pageName(c)
	b.WriteString(".TH " + strings.ToUpper(roff(name)) + " 1 \"" + builtOn() + "\" \"credhelper " + roff(release()) + "\" \"credhelper\"\n")
	b.WriteString(".SH NAME\n" + roff(name) + " \\- " + roff(c.Short) + "\n")
	b.WriteString(".SH SYNOPSIS\n.B " + roff(usageLine(c)) + "\n")
	b.WriteString(".SH DESCRIPTION\n")
	if c.Long != "" {
		roffText(&b, c.Long)
	} else {
		roffText(&b, strings.ToUpper(c.Short[:1])+c.Short[1:]+".")
	}
	if len(c.Aliases) > 0 {
		b.WriteString(".PP\n")
		roffText(&b, "The same by another name: "+strings.Join(c.Aliases, ", ")+".")
	}
	verbs(&b, c)
	options(&b, "OPTIONS", c.NonInheritedFlags())
	if !c.DisableFlagParsing { // else it reads its arguments itself
		options(&b, "COMMON OPTIONS", c.InheritedFlags())
	}
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		roffText(&b, c.Example)
	}
	b.WriteString(".SH EXIT STATUS\n0 if it was answered. The others say what to do: see\n.BR \"credhelper help exit\\-codes\" .\n")
	b.WriteString(".SH SEE ALSO\n")
	if c.HasParent() {
		b.WriteString(".BR " + roff(pageName(c.Parent())) + " (1),\n")
	}
	b.WriteString(".B credhelper help topics\n")
	return b.String()
}

// usageLine returns the usage of a command, from Use.
func usageLine(c *cobra.Command) string {
	line := strings.TrimSuffix(c.CommandPath(), c.Name()) + c.Use
	switch {
	case !c.HasParent():
		return line + " VERB [FLAG...]"
	case c.DisableFlagParsing:
		return line + " [ARGUMENT...]"
	}
	return line
}

// verbs lists the commands below c, in the groups of the help.
func verbs(b *strings.Builder, c *cobra.Command) {
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{}}
	}
	for i, g := range groups {
		first := true
		for _, v := range c.Commands() {
			if v.Hidden || v.GroupID != g.ID {
				continue
			}
			if i == 0 && first {
				b.WriteString(".SH VERBS\n")
			}
			if first && g.Title != "" {
				b.WriteString(".SS " + roff(strings.TrimSuffix(g.Title, ":")) + "\n")
			}
			first = false
			b.WriteString(".TP\n.BR " + roff(pageName(v)) + " (1)\n" + roff(v.Short) + "\n")
		}
	}
}

// options lists the flags that the help shows.
func options(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	b.WriteString(".SH " + title + "\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		b.WriteString(".TP\n.B " + roff(strings.TrimSpace(names+" "+value)) + "\n" + roff(text) + "\n")
	})
}

// roffText writes a text: lines that begin with a space are kept, others are filled.
func roffText(b *strings.Builder, text string) {
	asIs, apart := false, true // apart: a paragraph begins here anyway
	end := func() {
		if asIs {
			b.WriteString(".RE\n.fi\n")
		}
		asIs = false
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		switch indented := strings.HasPrefix(line, " "); {
		case line == "":
			end()
			if !apart {
				b.WriteString(".PP\n")
			}
			apart = true
			continue
		case indented && !asIs:
			if !apart {
				b.WriteString(".PP\n")
			}
			b.WriteString(".nf\n.RS 2\n")
			asIs = true
		case !indented:
			end()
		}
		b.WriteString(roff(strings.TrimPrefix(line, "  ")) + "\n")
		apart = false
	}
	end()
}

// roff returns a line of text in the form of man(7): hyphens can be copied and typed, and no
// line begins with a control character.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
