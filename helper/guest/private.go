package guest

import (
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// privateName is the guest's name in errors and in the log.
const privateName = "exec"

// Private returns the book of a door that serves one command, its only guest, and that
// guest's secret; token is as in a File. The guest is in no file and its keys are in no
// keyring: they end with the book. What its profile is bound to must not change until then.
func Private(h *helper.Helper, now func() time.Time, profile, token string, azure bool) (*Book, *Row, secret.Text, error) {
	text, hash := newSecret()
	f := File{Profile: profile, ID: "exec-" + profile, Secret: hash, Token: token}
	if azure {
		f.Azure = []string{profile}
	}
	content, err := configfile.Marshal(f)
	if err != nil {
		return nil, nil, text, err
	}
	g, err := parse(privateName, "", content)
	if err != nil {
		return nil, nil, text, err
	}
	r := &Row{Guest: g}
	profiles, _, err := r.readProfiles(h)
	if err != nil {
		return nil, nil, text, err
	}
	number := randomHex(16)
	k := &keys{Version: keysVersion, Key: randomHex(32), Guests: map[string][]string{privateName: {number}}}
	if g.Seal, err = k.seal(number, privateName, f, profiles); err != nil {
		return nil, nil, text, err
	}
	return &Book{Helper: h, Now: now, private: g, keys: k}, r, text, nil
}

// renewPrivate reads the profile of the private guest again if it has changed.
func (b *Book) renewPrivate() {
	r := b.rows[privateName]
	if r == nil || !r.current() {
		r = &Row{Guest: b.private, keys: b.keys}
		profiles, stamps, err := r.readProfiles(b.Helper)
		switch {
		case err != nil:
			r.Refused = err
		case !b.keys.sealed(r.Guest, profiles):
			r.Refused = &protocol.Error{Kind: protocol.ErrPolicy, Text: "what profile " + r.Profile + " is bound to has changed since the command was started",
				Hint: "end it and start it again"}
		}
		r.stamps = stamps
	}
	b.empty()
	b.enter(r)
}
