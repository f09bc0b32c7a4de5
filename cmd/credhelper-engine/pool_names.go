package main

import (
	"errors"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
)

// poolNamed returns a pool, or the only one for "". If the name is a profile's, the error
// names the profile's pool.
func poolNamed(h *helper.Helper, name string) (config.Pool, error) {
	c, err := h.Pools.Named(name)
	if errors.Is(err, protocol.ErrUnknown) {
		if p, _ := h.Profile(name); p != nil && p.Pool.Name != "" {
			return c, &protocol.Error{Kind: protocol.ErrUnknown, Text: name + " is a profile, with the pool " + p.Pool.Name, Hint: "name the pool, " + p.Pool.Name}
		}
	}
	return c, err
}

// openPooled returns a profile. If the name is a pool's, the error names a profile with it.
func (s *session) openPooled(name string) (*helper.Helper, *config.Profile, error) {
	h, p, err := s.openProfile(name)
	if h == nil || !errors.Is(err, protocol.ErrUnknown) {
		return h, p, err
	}
	c, missing := h.Pools.Named(name)
	if missing != nil || name == "" {
		return h, p, err
	}
	e := &protocol.Error{Kind: protocol.ErrUnknown, Text: name + " is a pool, not a profile", Hint: "no profile has this pool"}
	all, _ := h.Profiles()
	for _, p := range all {
		if p.Pool.Name == c.Name {
			e.Hint = "credhelper pool renew " + p.Name
			break
		}
	}
	return h, p, e
}
