package helper_test

import (
	"errors"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// TestQuit (H2): which failures of a profile say that nobody else is to be asked.
func TestQuit(t *testing.T) {
	t.Parallel() // mostly waiting
	for name, c := range map[string]struct {
		profile string
		prepare func(*home)
		kind    error
		quit    bool
	}{
		"no secret":        {plain, func(*home) {}, protocol.ErrNoSecret, true},
		"refused":          {plain, func(h *home) { h.store("demo", "wrong") }, protocol.ErrRefused, true},
		"refused a moment": {plain, func(h *home) { h.store("demo", "wrong"); _, _ = h.get(named) }, protocol.ErrRefused, true},
		"nobody signed in": {plain + "grant = \"device_code\"\ndevice_url = \"{server}/device\"\nclient_auth = \"none\"\n", func(*home) {}, protocol.ErrLogin, true},
		"git_quit = false": {plain + "git_quit = false\n", func(*home) {}, protocol.ErrNoSecret, false},
		"locked":           {plain, func(h *home) { h.store("demo", "secret"); h.keyring.fails = keyring.ErrLocked }, protocol.ErrLocked, false},
		"unreachable":      {plain, func(h *home) { h.store("demo", "secret"); h.always("status-503") }, protocol.ErrUnreachable, false},
		"changed":          {plain, func(h *home) { h.store("demo", "secret"); h.profile("demo", plain+"proxy = \"none\"\n") }, protocol.ErrPolicy, false},
		"broken":           {"url = 1\n", func(*home) {}, protocol.ErrPolicy, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t, oauthtest.Options{})
			h.profile("demo", c.profile)
			c.prepare(h)
			_, err := h.get(named)
			var e *protocol.Error
			if !errors.Is(err, c.kind) || !errors.As(err, &e) || e.Quit != c.quit {
				t.Errorf("%v, exit %d, %+v", err, protocol.ExitCode(err), e)
			}
		})
	}
}
