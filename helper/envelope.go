package helper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/secret"
)

// envelope is a profile's item in the keyring: the secret with its binding, and the
// previous secret until the new one is confirmed.
type envelope struct {
	profile  string
	bound    []config.Bound
	current  storedSecret
	previous storedSecret // zero if there is none

	rolledBack bool // current is the older of the two
}

// storedSecret is one secret with its dates.
type storedSecret struct {
	secret  secret.Text
	created time.Time
	expires time.Time // as recorded by a person; zero if unknown
}

// secretKey returns the key of a profile's secret in the keyring: a digest, so that no
// name from outside reaches a keyring (T18). A desktop keyring belongs to the user, not
// to the home: with CREDHELPER_HOME the digest includes the home, so that a test's
// "jama" does not overwrite the real secret.
func (h *Helper) secretKey(profile string) string {
	settings, _ := h.Settings()
	return h.secretKeyIn(settings.Keyring, profile)
}

func (h *Helper) secretKeyIn(backendName, profile string) string {
	fields := []string{profile}
	if backend, _ := keyring.BackendNamed(backendName); backend.Desktop && h.config.Dirs.System == "" {
		fields = append(fields, h.config.Dirs.Config)
	}
	return keyring.Prefix + cache.KeyOf("secret", fields...).String()
}

const envelopeVersion = 1

// The wire forms contain secrets as plain text; no value of these types outlives the
// function that creates it.
type wireEnvelope struct {
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

func (h storedSecret) wire() wireSecret {
	w := wireSecret{Secret: h.secret.Reveal(), Created: h.created.Unix()}
	if !h.expires.IsZero() {
		w.Expires = h.expires.Unix()
	}
	return w
}

func (w wireSecret) stored() storedSecret {
	h := storedSecret{secret: secret.New(w.Secret), created: time.Unix(w.Created, 0).UTC()}
	if w.Expires != 0 {
		h.expires = time.Unix(w.Expires, 0).UTC()
	}
	return h
}

func (e *envelope) encode() (secret.Text, error) {
	w := wireEnvelope{Version: envelopeVersion, Profile: e.profile, Bound: e.bound, Current: e.current.wire()}
	if !e.previous.secret.IsZero() {
		previous := e.previous.wire()
		w.Previous, w.RolledBack = &previous, e.rolledBack
	}
	content, err := json.Marshal(w)
	return secret.New(string(content)), err
}

// decodeEnvelope is the reverse of encode. Its errors are keyring.ErrDamaged and quote
// nothing.
func decodeEnvelope(profile string, value secret.Text) (*envelope, error) {
	var w wireEnvelope
	d := json.NewDecoder(bytes.NewReader([]byte(value.Reveal())))
	if err := d.Decode(&w); err != nil || d.More() {
		return nil, fmt.Errorf("%w: what the keyring holds for profile %s was not written by credhelper", keyring.ErrDamaged, profile)
	}
	switch {
	case w.Version > envelopeVersion:
		return nil, fmt.Errorf("%w: the secret of profile %s was stored by a newer credhelper; upgrade this one", keyring.ErrDamaged, profile)
	case w.Version < 1 || w.Profile != profile || w.Current.Secret == "":
		return nil, fmt.Errorf("%w: what the keyring holds for profile %s is not its secret", keyring.ErrDamaged, profile)
	}
	e := &envelope{profile: w.Profile, bound: w.Bound, current: w.Current.stored()}
	if w.Previous != nil {
		e.previous, e.rolledBack = w.Previous.stored(), w.RolledBack
	}
	return e, nil
}
