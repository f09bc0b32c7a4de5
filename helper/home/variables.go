package home

import (
	"maps"
	"slices"
	"sync"

	"github.com/credhelper/credhelper/helper/config"
)

// variables collects the environment variables from which profiles take secrets.
type variables struct {
	mu    sync.Mutex
	names map[string]bool
}

func (v *variables) note(sources []config.Source) {
	for _, s := range sources {
		v.add(s.Variables())
	}
}

func (v *variables) add(names []string) {
	if len(names) == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, name := range names {
		if v.names == nil {
			v.names = map[string]bool{}
		}
		v.names[name] = true
	}
}

// SourceVariables lists the environment variables from which the profiles read so far
// take secrets, in ascending order. They are removed from the environment of other
// programs that are started.
func (h *Home) SourceVariables() []string {
	h.variables.mu.Lock()
	defer h.variables.mu.Unlock()
	return slices.Sorted(maps.Keys(h.variables.names))
}
