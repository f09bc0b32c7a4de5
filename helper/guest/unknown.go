package guest

import (
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol/printable"
)

// ErrUnknown says that an id, a secret or a token is not that of a guest who is accepted
// now. It does not say which of them is wrong.
var ErrUnknown = errors.New("the client id, secret or token is not known here")

// Unknown is an ErrUnknown with its reason. The reason is for the log alone: the program at
// the other end must not learn from it which guests there are.
type Unknown struct {
	Guest, Profile string // whom the claim is about; "" if there is none
	Reason         string
}

// Error implements error, without the reason.
func (u *Unknown) Error() string { return ErrUnknown.Error() }

// Unwrap is for errors.Is.
func (u *Unknown) Unwrap() error { return ErrUnknown }

// Unknown returns the error for a claim of the guest that is refused for a reason.
func (g *Guest) Unknown(reason string) *Unknown {
	return &Unknown{Guest: g.Name, Profile: g.Profile, Reason: printable.Line(reason)}
}

// unknown explains why an id, "" if none was sent, with a secret is no guest's. It does not
// quote the id, which may be a secret in the wrong field.
func (b *Book) unknown(id string, hash [32]byte) error {
	named, owner := b.claimed(id, hash)
	switch {
	case named == nil && owner != nil:
		return owner.Unknown("its secret came with another client id than " + owner.ID)
	case named == nil && id == "":
		return &Unknown{Reason: "no guest has this secret or token"}
	case named == nil:
		return &Unknown{Reason: "no guest has the client id that was sent" + b.near(id)}
	case named != owner && hash == named.Secrets[1] && named.Former != "":
		return named.Unknown("a secret that was replaced")
	case named != owner:
		return named.Unknown("a wrong secret")
	case named.Refused != nil:
		return named.Unknown(named.Refused.Error())
	case named.Ended(b.Now()):
		return named.Unknown(named.ending())
	}
	return named.Unknown("another guest has the same client id")
}

// claimed returns the guest with an id, or with a secret if none was sent, and the guest
// with the secret; nil for none. The same guest may be both.
func (b *Book) claimed(id string, hash [32]byte) (named, owner *Row) {
	for _, r := range b.rows {
		if r.Guest == nil {
			continue
		}
		if r.Secrets[0] == hash {
			owner = r
		}
		if r.ID == id && (named == nil || r.Secrets[0] == hash) || id == "" && (r.Secrets[0] == hash || r.Former != "" && r.Secrets[1] == hash) {
			named = r
		}
	}
	return named, owner
}

// near names the client id that was probably meant: the one that was misspelt, or that of
// the guest whose name was sent instead; "" if there is none.
func (b *Book) near(id string) string {
	ids := map[string]bool{}
	for _, r := range b.rows {
		if r.Guest != nil {
			ids[r.ID] = true
		}
	}
	meant := configfile.Nearest(id, ids)
	if r := b.rows[id]; r != nil && r.Guest != nil {
		meant = r.ID
	}
	if meant == "" {
		return ""
	}
	return ", but one has " + meant
}

// ending says that the guest ended.
func (g *Guest) ending() string { return "ended on " + g.Ends.UTC().Format(time.DateOnly) }
