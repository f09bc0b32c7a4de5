package main

import (
	"errors"
	"os/exec"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper"
)

// A program that credhelper starts for the user, such as a command, an editor or a
// browser, gets credhelper's environment without the variables from which profiles take
// secrets (T7).

// childEnvironment returns the environment for such a program.
func (s *session) childEnvironment(h *helper.Helper, keep ...string) []string {
	environ := slices.Clone(s.environ)
	for _, name := range s.secretVariables(h, keep...) {
		environ = withoutVariable(environ, name)
	}
	return environ
}

// secretVariables lists the variables that are set and from which profiles take
// secrets, except those in keep. --verbose prints them.
func (s *session) secretVariables(h *helper.Helper, keep ...string) (names []string) {
	for _, name := range h.SourceVariables() {
		if _, set := s.lookup(name); set && !slices.Contains(keep, name) {
			names = append(names, name)
		}
	}
	if s.flags.verbose && len(names) > 0 {
		s.say("credhelper: not passed on, because a profile reads a secret there: " + strings.Join(names, ", "))
	}
	return names
}

func withoutVariable(environ []string, name string) []string {
	kept := make([]string, 0, len(environ)+2)
	for _, entry := range environ {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// childExit returns the exit code of a command that ran: its own, or 128+n.
func childExit(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if !errors.As(err, &exit) {
		return 0, err
	}
	if code := exit.ExitCode(); code >= 0 {
		return code, nil
	}
	return 128 + killedBy(exit.ProcessState), nil
}
