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
	"github.com/credhelper/credhelper/helper/configfile"
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
func (l *Lender) Lend(ctx context.Context, name string, f File) (secret.Text, error) {
	unlock, err := l.Helper.LockDoor(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	defer unlock()
	if err := Free(l.Helper, name); err != nil {
		return secret.Text{}, err
	}
	text, hash := newSecret()
	f.ID, f.Secret = cmp.Or(f.ID, "lend-"+name), hash
	return text, l.write(ctx, name, f)
}

// Free fails if a new guest cannot have a name: it is none, or is taken.
func Free(h *helper.Helper, name string) error {
	if !protocol.ValidProfile(name) {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "not a guest's name",
			Hint: "a name is 1 to 64 lower-case letters, digits, '-', '_', '.'"}
	}
	files, err := filesOf(h)
	if err == nil && slices.ContainsFunc(files, func(f configfile.File) bool { return f.Name == name }) {
		err = &protocol.Error{Kind: protocol.ErrPolicy, Text: "guest " + name + " already exists",
			Hint: "give it a new secret: credhelper lend --rotate " + name + "; take it back: credhelper lend --revoke " + name}
	}
	return err
}

// LongestOverlap is how long the old secret of a guest works after a rotation at most.
const LongestOverlap = 30 * 24 * time.Hour

// Rotate gives a guest a new secret, and another end if expires is not "" (RFC 3339):
// a guest that ended needs one. The old secret stays valid for the overlap, but no longer
// than the guest; that of a guest that ended does not come back.
func (l *Lender) Rotate(ctx context.Context, name string, overlap time.Duration, expires string) (g *Guest, text secret.Text, err error) {
	err = l.change(ctx, name, func(f *File) error {
		over := l.ended(name, f)
		if over != nil && expires == "" {
			return over
		}
		if over != nil {
			overlap = 0
		}
		var hash string
		text, hash = newSecret()
		f.Expires = cmp.Or(expires, f.Expires)
		f.Former, f.Until = "", ""
		if overlap > 0 {
			until := l.Now().Add(min(overlap, LongestOverlap))
			if ends, err := parseTime(f.Expires); err == nil && ends.Before(until) {
				until = ends
			}
			f.Former, f.Until = f.Secret, until.UTC().Format(time.RFC3339)
		}
		f.Secret = hash
		return nil
	}, true)
	if err == nil {
		g, err = Read(l.Helper, name)
	}
	return g, text, err
}

// ended returns an error if a guest's time is over.
func (l *Lender) ended(name string, f *File) error {
	ends, err := parseTime(f.Expires)
	if g := (&Guest{Name: name, Ends: ends}); err == nil && g.Ended(l.Now()) {
		return g.Over()
	}
	return nil
}

// Unrotate gives a guest the secrets and the end back that it had before Rotate.
func (l *Lender) Unrotate(ctx context.Context, before *Guest) error {
	return l.change(ctx, before.Name, func(f *File) error {
		f.Secret, f.Former, f.Until, f.Expires = before.Secret, before.Former, before.Until, before.Expires
		return nil
	}, true)
}

// Accept seals a guest's file as it is, unless the guest has ended, and returns what was
// sealed: the file may have been another one a moment before.
func (l *Lender) Accept(ctx context.Context, name string) (accepted File, err error) {
	err = l.change(ctx, name, func(f *File) error {
		accepted = *f
		over := l.ended(name, f)
		if e := new(protocol.Error); errors.As(over, &e) { // the file has no seal, so Rotate refuses it
			e.Hint = "write a later expires into " + pathOf(l.Helper, name) + "; take it back: credhelper lend --revoke " + name
		}
		return over
	}, false)
	return accepted, err
}

// Revoke removes a guest. It is no error if its file is gone already.
func (l *Lender) Revoke(ctx context.Context, name string) error {
	unlock, err := l.Helper.LockDoor(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := Read(l.Helper, name); errors.Is(err, protocol.ErrUnknown) {
		return err
	}
	if err := remove(l.Helper, name); err != nil { // first: from here on it is refused
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
func (l *Lender) change(ctx context.Context, name string, edit func(*File) error, sealed bool) error {
	unlock, err := l.Helper.LockDoor(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	book := &Book{Helper: l.Helper, Now: l.Now}
	rows, problems := book.Rows(ctx)
	i := slices.IndexFunc(rows, func(r *Row) bool { return r.Name == name })
	if i < 0 {
		_, err := Read(l.Helper, name) // says what is wrong with it
		if err == nil && len(problems) > 0 {
			err = problems[0]
		}
		return err
	}
	r := rows[i]
	if r.Refused != nil && (sealed || r.Of == nil || !errors.Is(r.Refused, protocol.ErrPolicy)) {
		return r.Refused
	}
	f := r.File
	if err := edit(&f); err != nil {
		return err
	}
	return l.write(ctx, name, f)
}

// write seals a guest's file with a new number and writes it.
func (l *Lender) write(ctx context.Context, name string, f File) error {
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
		_, err = parse(name, "guest "+name, text)
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
	if text, err = f.Encode(); err != nil {
		return err
	}
	if err := configfile.Write(pathOf(l.Helper, name), text, l.Now()); err != nil {
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
