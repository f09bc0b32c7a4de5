// Package stored is what a home has in its keyring: when that is opened, the names of the
// items, and the format of a profile's item: a secret, what it may be used for, and the
// secret before it.
package stored

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Item is a profile's item in the keyring: the secret with its binding, and the previous
// secret until the new one is confirmed. The refresh token of a sign-in is kept in the
// same form.
type Item struct {
	Profile  string
	Bound    []config.Bound
	Current  Secret
	Previous Secret // zero if there is none

	RolledBack bool // Current is the older of the two
}

// Secret is one secret with its dates.
type Secret struct {
	Text    secret.Text
	Created time.Time
	Expires time.Time // as recorded by a person; zero if unknown
}

// End returns when the secret of a profile expires: on the date recorded with it, else on
// the profile's. A date in the profile before the secret was stored refers to an earlier
// secret.
func (s Secret) End(p *config.Profile) time.Time {
	if s.Expires.IsZero() && p.SecretExpires.After(s.Created) {
		return p.SecretExpires
	}
	return s.Expires
}

const version = 1

// The wire forms contain secrets as plain text; no value of these types outlives the
// function that creates it.
type wireItem struct {
	Version  int            `json:"credhelper"`
	Profile  string         `json:"profile"`
	Bound    []config.Bound `json:"bound"`
	Current  wireSecret     `json:"current"`
	Previous *wireSecret    `json:"previous,omitempty"`

	RolledBack bool `json:"rolled_back,omitempty"`
}

type wireSecret struct {
	Secret  string `json:"secret"`
	Created int64  `json:"created"`           // Unix seconds
	Expires int64  `json:"expires,omitempty"` // Unix seconds
}

func (s Secret) wire() wireSecret {
	w := wireSecret{Secret: s.Text.Reveal(), Created: s.Created.Unix()}
	if !s.Expires.IsZero() {
		w.Expires = s.Expires.Unix()
	}
	return w
}

func (w wireSecret) stored() Secret {
	s := Secret{Text: secret.New(w.Secret), Created: time.Unix(w.Created, 0).UTC()}
	if w.Expires != 0 {
		s.Expires = time.Unix(w.Expires, 0).UTC()
	}
	return s
}

// Encode returns the item as it is stored.
func (i *Item) Encode() (secret.Text, error) {
	w := wireItem{Version: version, Profile: i.Profile, Bound: i.Bound, Current: i.Current.wire()}
	if !i.Previous.Text.IsZero() {
		previous := i.Previous.wire()
		w.Previous, w.RolledBack = &previous, i.RolledBack
	}
	content, err := json.Marshal(w)
	return secret.New(string(content)), err
}

// Decode is the reverse of Encode. Its errors are keyring.ErrDamaged and quote nothing.
func Decode(profile string, value secret.Text) (*Item, error) {
	var w wireItem
	d := json.NewDecoder(bytes.NewReader([]byte(value.Reveal())))
	if err := d.Decode(&w); err != nil || d.More() {
		return nil, fmt.Errorf("%w: what the keyring holds for profile %s was not written by credhelper", keyring.ErrDamaged, profile)
	}
	switch {
	case w.Version > version:
		return nil, fmt.Errorf("%w: the secret of profile %s was stored by a newer credhelper; upgrade this one", keyring.ErrDamaged, profile)
	case w.Version < 1 || w.Profile != profile || w.Current.Secret == "":
		return nil, fmt.Errorf("%w: what the keyring holds for profile %s is not its secret", keyring.ErrDamaged, profile)
	}
	i := &Item{Profile: w.Profile, Bound: w.Bound, Current: w.Current.stored()}
	if w.Previous != nil {
		i.Previous, i.RolledBack = w.Previous.stored(), w.RolledBack
	}
	return i, nil
}

// Follow makes i the successor of old, and reports whether an unconfirmed secret was
// discarded.
func (i *Item) Follow(old *Item) (replaced bool) {
	settled, other := old.Current, old.Previous
	if !other.Text.IsZero() && !old.RolledBack {
		settled, other = other, settled
	}
	switch {
	case i.Current.Text.Equal(old.Current.Text): // the same again, to record its expiry
		i.Previous, i.RolledBack, i.Current.Created = old.Previous, old.RolledBack, old.Current.Created
		return false
	case i.Current.Text.Equal(settled.Text):
		i.Previous, i.RolledBack = other, true
		return false
	}
	i.Previous = settled
	return !other.Text.IsZero()
}

// Earlier returns the secret to which the profile can go back.
func (i *Item) Earlier(p *config.Profile) (Secret, error) {
	if i.Previous.Text.IsZero() {
		return Secret{}, &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": there is no earlier secret to go back to"}
	}
	if _, refusal := p.Changes(i.Bound); refusal != nil {
		return Secret{}, refusal
	}
	return i.Previous, nil
}
