package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// askForProfile asks on the terminal for what the command line of add lacks: the product,
// what its preset needs, and a name. In a script a missing value is an error.
func (s *session) askForProfile(c *cobra.Command, args []string, f *addFlags) (name string, err error) {
	if len(args) == 1 {
		name = args[0]
	}
	told := f.preset != "" || len(f.set) > 0
	if name != "" && told {
		return name, nil
	}
	if !s.personSits() {
		if name == "" {
			return "", usage(c)
		}
		return name, nil
	}
	h, err := s.open()
	if err != nil {
		return "", err
	}
	if !told {
		if err := s.printPresets(h); err != nil {
			return "", err
		}
		if f.preset, err = s.askFor("Which preset? (oidc or oauth2 for any other server)", "", presets.Names()); err != nil {
			return "", err
		}
	}
	if err := s.askNeeds(h, f); err != nil {
		return "", err
	}
	if name == "" {
		if name, err = s.askFor("Name of the profile?", f.preset, nil); err != nil {
			return "", err
		}
	}
	return name, nil
}

// askNeeds asks for the values that the preset needs and that no flag gave.
func (s *session) askNeeds(h *helper.Helper, f *addFlags) error {
	preset, err := h.Preset(f.preset)
	if err != nil {
		return nil // draft says so
	}
	file := config.File{URL: f.url, ClientID: f.clientID, Issuer: f.issuer}
	for _, pair := range f.set {
		key, value, _ := strings.Cut(pair, "=")
		_ = file.Set(key, value) // draft says what is wrong
	}
	for _, need := range preset.Needs {
		if !file.Lacks(need.Key) {
			continue
		}
		answer := ""
		for isAddress := need.Key == "issuer" || strings.HasSuffix(need.Key, "url"); answer == ""; {
			if answer, err = s.askFor(strings.ToUpper(need.Ask[:1])+need.Ask[1:]+":", "", nil); err != nil {
				return err
			}
			if isAddress && !strings.Contains(answer, "://") {
				s.say("An address begins with https://")
				answer = ""
			}
		}
		f.set = append(f.set, need.Key+"="+answer)
	}
	return nil
}

// askFor asks until there is an answer, which must be one of choices unless that is nil. usual
// is the answer for an empty line. Ctrl-D cancels.
func (s *session) askFor(question, usual string, choices []string) (string, error) {
	if usual != "" {
		question += " [" + usual + "]"
	}
	for {
		answer, given, err := terminal.AskLine(question + " ")
		if err != nil {
			return "", err
		}
		if !given {
			return "", &protocol.Error{Kind: protocol.ErrMalformed, Text: "add: cancelled; nothing was stored"}
		}
		if answer == "" {
			answer = usual
		}
		if answer != "" && (choices == nil || slices.Contains(choices, answer)) {
			return answer, nil
		}
		if answer != "" {
			s.say("There is no " + printable.Value(answer) + ".")
		}
	}
}
