package guest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Lender makes, changes and removes guests, one process of a home at a time.
//
// A kill at any moment leaves the guest as it was, or as it is to be: first the keyring
// gets the new number beside the old one, then the file is replaced, then the old number
// is dropped.
type Lender struct {
	Helper *helper.Helper
	Now    func() time.Time
}

// Lend makes a guest and returns its secret, which exists nowhere else.
func (l *Lender) Lend(ctx context.Context, name string, f config.GuestFile) (secret.Text, error) {
	if !protocol.ValidProfile(name) {
		return secret.Text{}, &protocol.Error{Kind: protocol.ErrMalformed, Text: "not a guest's name",
			Hint: "a name is 1 to 64 lower-case letters, digits, '-', '_', '.'"}
	}
	unlock, err := l.Helper.LockDoor(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	defer unlock()
	files, err := l.Helper.GuestFiles()
	if err != nil {
		return secret.Text{}, err
	}
	for _, other := range files {
		if other.Name == name {
			return secret.Text{}, &protocol.Error{Kind: protocol.ErrPolicy, Text: "guest " + name + " already exists",
				Hint: "give it a new secret: credhelper lend --rotate " + name + "; take it back: credhelper lend --revoke " + name}
		}
	}
	text, hash := newSecret()
	f.ID, f.Secret = cmp.Or(f.ID, "lend-"+name), hash
	return text, l.write(ctx, name, f)
}

// Rotate gives a guest a new secret. The old one stays valid for the overlap.
func (l *Lender) Rotate(ctx context.Context, name string, overlap time.Duration) (g *config.Guest, text secret.Text, err error) {
	err = l.change(ctx, name, func(f *config.GuestFile) {
		var hash string
		text, hash = newSecret()
		f.Former, f.Until = "", ""
		if overlap > 0 {
			f.Former, f.Until = f.Secret, l.Now().Add(overlap).UTC().Format(time.RFC3339)
		}
		f.Secret = hash
	}, true)
	if err == nil {
		g, err = l.Helper.Guest(name)
	}
	return g, text, err
}

// Accept seals a guest's file as it is.
func (l *Lender) Accept(ctx context.Context, name string) error {
	return l.change(ctx, name, func(*config.GuestFile) {}, false)
}

// Revoke removes a guest. It is no error if its file is gone already.
func (l *Lender) Revoke(ctx context.Context, name string) error {
	unlock, err := l.Helper.LockDoor(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := l.Helper.Guest(name); errors.Is(err, protocol.ErrUnknown) {
		return err
	}
	if err := l.Helper.DeleteGuest(name); err != nil { // first: from here on it is refused
		return err
	}
	k, err := readKeys(ctx, l.Helper)
	if err != nil {
		return err
	}
	delete(k.Guests, name)
	return k.write(ctx, l.Helper)
}

// change replaces a guest's file. With sealed the present one must have a valid seal.
func (l *Lender) change(ctx context.Context, name string, edit func(*config.GuestFile), sealed bool) error {
	unlock, err := l.Helper.LockDoor(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	book := &Book{Helper: l.Helper, Now: l.Now}
	rows, problems := book.Rows(ctx)
	i := slices.IndexFunc(rows, func(r *Row) bool { return r.Name == name })
	if i < 0 {
		_, err := l.Helper.Guest(name) // says what is wrong with it
		if err == nil && len(problems) > 0 {
			err = problems[0]
		}
		return err
	}
	r := rows[i]
	if r.Refused != nil && (sealed || r.Of == nil || !errors.Is(r.Refused, protocol.ErrPolicy)) {
		return r.Refused
	}
	f := r.GuestFile
	edit(&f)
	return l.write(ctx, name, f)
}

// write seals a guest's file with a new number and writes it.
func (l *Lender) write(ctx context.Context, name string, f config.GuestFile) error {
	var profiles []*config.Profile
	for _, p := range append([]string{f.Profile}, f.Azure...) {
		one, err := l.Helper.Profile(p)
		if err != nil {
			return err
		}
		profiles = append(profiles, one)
	}
	text, err := f.Encode()
	if err == nil {
		_, err = config.ReadGuest(name, "guest "+name, text)
	}
	if err != nil {
		return err
	}
	k, err := readKeys(ctx, l.Helper)
	if err != nil {
		return err
	}
	number := randomHex(16)
	k.Guests[name] = append([]string{number}, k.Guests[name]...)
	if err := k.write(ctx, l.Helper); err != nil {
		return err
	}
	if f.Seal, err = k.seal(number, name, f, profiles); err != nil {
		return err
	}
	if err := l.Helper.WriteGuest(name, f); err != nil {
		return err
	}
	k.Guests[name] = []string{number}
	return k.write(ctx, l.Helper)
}

// newSecret returns a secret of 256 random bits and its hash in hexadecimal.
func newSecret() (secret.Text, string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	text := secretPrefix + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(text))
	return secret.New(text), hex.EncodeToString(sum[:])
}
