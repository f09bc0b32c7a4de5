// Package inner holds the code that the engine and the plugin share: how they start,
// how they open the helper and its keyring, how they report errors, and how they end
// with their host.
package inner

import (
	"time"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Call is the call of an executable that the front has executed.
type Call struct {
	handover.Handover
	Name string   // name of the front, or of the link that the tool called
	Args []string // without the name
}

// Begin reads the handover of the front and hardens the process. If the profile's
// secrets are in a keyring on the session bus, it first executes self again with access
// to the bus. argv consists of self's own name, the handover word, and the name and the
// arguments of the original call. Errors wrap ErrPolicy.
func Begin(self string, argv, environ []string, now time.Time, choosers ...string) (Call, error) {
	word := ""
	if len(argv) > 1 {
		word = argv[1]
	}
	h, ok := handover.ReadWord(word, now)
	if !ok || len(argv) < 3 {
		return Call{}, protocol.Policy("type credhelper, not " + self)
	}
	if h.Version != handover.Version {
		return Call{}, &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: "credhelper and " + self + " are not of the same release (handover " + printable.Value(h.Version) + " and " + handover.Version + ")",
			Hint: "install all three files of one release",
		}
	}
	if wantsBus(environ, argv[3:], choosers) {
		again(argv, environ, desktop.AskBus)
	}
	if _, err := process.Harden(); err != nil {
		return Call{}, err
	}
	return Call{Handover: h, Name: argv[2], Args: argv[3:]}, nil
}
