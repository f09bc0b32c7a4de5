package main

import (
	"slices"
	"strings"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
)

// A program that credhelper starts for the user, such as a command, an editor or a
// browser, gets credhelper's environment without the variables from which profiles take
// secrets (T7).

// childEnvironment returns the environment for such a program.
func (s *session) childEnvironment(h *helper.Helper, keep ...string) []string {
	environ := slices.Clone(s.environ)
	for _, name := range s.secretVariables(h, keep...) {
		environ = inner.WithoutVariable(environ, name)
	}
	return environ
}

// secretVariables lists the variables that are set and from which profiles take
// secrets, except those in keep. --verbose prints them.
func (s *session) secretVariables(h *helper.Helper, keep ...string) (names []string) {
	kept := make([]string, len(keep))
	for i, name := range keep {
		kept[i] = name + "="
	}
	for _, name := range h.SourceVariables() {
		_, set := s.lookup(name)
		if _, wanted := cache.Lookup(kept, name); set && !wanted {
			names = append(names, name)
		}
	}
	if s.flags.verbose && len(names) > 0 {
		s.say("credhelper: not passed on, because a profile reads a secret there: " + strings.Join(names, ", "))
	}
	return names
}
