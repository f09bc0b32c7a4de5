package main

import (
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"golang.org/x/net/idna"
)

// showCommand shows a profile.
func (s *session) showCommand() *cobra.Command {
	var full bool
	c := &cobra.Command{
		Use:               "show NAME [--full]",
		Example:           "  credhelper show jama --full",
		Short:             "show a profile; --full with what its preset and the defaults set",
		GroupID:           groupManage,
		Args:              between(1, 1),
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(_ *cobra.Command, args []string) error { return s.show(args[0], full) },
	}
	c.Flags().BoolVar(&full, "full", false, "with what the preset and the defaults set")
	return c
}

func (s *session) show(name string, full bool) error {
	_, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	text := p.Text()
	if full || s.flags.json {
		if text, err = p.Resolved(); err != nil {
			return err
		}
	}
	if s.flags.json {
		var members map[string]any
		if err := toml.Unmarshal(text, &members); err != nil {
			return err
		}
		return s.printJSON(members)
	}
	if full {
		for _, o := range p.OriginTexts() {
			if both := bothForms(o); both != o {
				text = append([]byte("# "+both+"\n"), text...)
			}
		}
		text = append([]byte("# "+p.File+"\n"), text...)
	}
	return s.print(string(text))
}

// bothForms returns a punycode address followed by its Unicode form (O13); any other
// address unchanged.
func bothForms(address string) string {
	if !strings.Contains(address, "xn--") {
		return address
	}
	start := 0
	if i := strings.Index(address, "://"); i >= 0 {
		start = i + 3
	}
	host, _, _ := strings.Cut(address[start:], "/")
	host = strings.TrimPrefix(host, "*.")
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	unicode, err := idna.Registration.ToUnicode(host)
	if err != nil || unicode == host {
		return address
	}
	return address + " (" + unicode + ")"
}
