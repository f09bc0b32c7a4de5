package home

import (
	"maps"
	"slices"

	"sync"

	"github.com/credhelper/credhelper/helper/config"
)

// variables are the environment variables that the profiles seen so far take
// secrets from.
type variables struct {
	mu    sync.Mutex
	names map[string]bool
}

func (v *variables) note(sources []config.Source) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range sources {
		for _, name := range s.Variables() {
			if v.names == nil {
				v.names = map[string]bool{}
			}
			v.names[name] = true
		}
	}
}

// SourceVariables lists the environment variables that the profiles which this
// Helper has read take secrets from, in ascending order. Who starts a program that
// is not credhelper's takes them from its environment.
func (h *Home) SourceVariables() []string {
	h.variables.mu.Lock()
	defer h.variables.mu.Unlock()
	return slices.Sorted(maps.Keys(h.variables.names))
}
