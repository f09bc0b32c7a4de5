// Package inner is what the executables behind the front share, the engine and the
// plugin: how they begin, where their helper and its keyring come from, how they
// say that something failed, and how they end with their host.
package inner

import (
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/process"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Call is how an executable behind the front was called.
type Call struct {
	handover.Handover
	Name string   // of the front, or of the link by which a tool called it
	Args []string // without the name
}

// Begin reads what the front says, makes the process one that leaves no core file
// and that nobody can attach to, and starts self again where its secrets lie behind
// the session bus. argv is self's own name, the handover word, and then the name
// and the arguments that the front was called with. Errors wrap ErrPolicy.
func Begin(self string, argv, environ []string, now time.Time, choosers ...string) (Call, error) {
	word := ""
	if len(argv) > 1 {
		word = argv[1]
	}
	h, ok := handover.ReadWord(word, now)
	if !ok || len(argv) < 3 {
		return Call{}, policy("type credhelper, not " + self)
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

// Lookup finds a variable in an environment, "NAME=value".
func Lookup(environ []string, name string) (value string, found bool) {
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

func policy(text string) error { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }
