package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
)

// allowLocal is the flag of import that lets a person approve what a document refers to
// on this machine.
const allowLocal = "allow-local-sources"

// importCommand reads the output of export.
func (s *session) importCommand() *cobra.Command {
	var local bool
	c := &cobra.Command{
		Use:     "import FILE [--allow-local-sources]",
		Example: "  credhelper import profiles.toml",
		Short:   "add the profiles of an exported document (- is stdin)",
		Long: "Adds the profiles of a document that credhelper export wrote; all of them or\n" +
			"none. A document that names a command, a variable or a file of this machine is\n" +
			"refused: its author would choose what runs here, and where the rest is sent.",
		GroupID:     groupManage,
		Args:        between(1, 1),
		Annotations: map[string]string{"patient": allowLocal},
		RunE:        func(_ *cobra.Command, args []string) error { return s.importFile(args[0], local) },
	}
	c.Flags().BoolVar(&local, allowLocal, false, "show what the document names on this machine, and ask about each")
	return c
}

func (s *session) importFile(path string, local bool) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	in := s.stdin
	if path != "-" {
		if in, err = os.Open(path); err != nil {
			return err
		}
		defer in.Close()
	}
	text, err := readWhole(in, path)
	if err != nil {
		return err
	}
	var allow func(string, config.Source) error
	if local {
		allow = s.allowSource
	}
	names, err := h.Import(text, allow)
	if err != nil {
		return err
	}
	s.say("Added " + strings.Join(names, ", ") + ". " + nextOf(h, names))
	return nil
}

// nextOf says what a person types about imported profiles.
func nextOf(h *helper.Helper, names []string) string {
	next := "Try: credhelper test " + names[0]
	for p := range h.EachProfile(names) {
		switch {
		case p == nil:
		case p.InKeyring() && p.NeedsSecret():
			return "Store their secrets: credhelper rotate " + p.Name
		case p.Interactive():
			next = "Sign in: credhelper login " + p.Name
		}
	}
	return next
}

// allowSource asks about one key of a document that refers to this machine. The value
// is shown in full, because its last word may be the important one.
func (s *session) allowSource(profile string, source config.Source) error {
	const longest = 1000
	if len(source.String()) > longest {
		return protocol.Policy("profile " + profile + ": " + source.Key + " is too long to be shown on a terminal; nothing was added")
	}
	what := "is this profile to read it at each fetch?"
	if source.Secret {
		what = "is this profile to run or read it at each fetch, and its server to get the result?"
	}
	yes, err := s.askYes("profile " + profile + ": " + source.String() + ": " + what)
	if errors.Is(err, terminal.ErrNone) {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "import --" + allowLocal + ": there is no terminal for a prompt",
			Hint: "put the profile's file in place yourself: credhelper help profiles"}
	}
	if err == nil && !yes {
		err = protocol.Policy("profile " + profile + ": " + source.Key + " was not agreed to; nothing was added")
	}
	return err
}

// readWhole reads a document, whose size helper.Import limits.
func readWhole(in *os.File, name string) ([]byte, error) {
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, protocol.Policy(name + ": " + err.Error())
	}
	if len(text) > most {
		return nil, protocol.Malformed(name + " is too large to be an export")
	}
	return text, nil
}
