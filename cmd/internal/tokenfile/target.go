package tokenfile

import (
	"errors"
	"os"
	"time"

	"bytes"
	"github.com/credhelper/credhelper/helper/private"
	"io"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A Target is the file that sink keeps at a path which the user chose.
type Target struct {
	File
	Encode func(protocol.Credential) ([]byte, error) // encodes the content of the file
	First  func(protocol.Credential)                 // called once, when the file first exists; may be nil
}

// Prepare checks the path before a token is fetched, and removes what a killed sink has
// left.
func (t *Target) Prepare() error {
	d, name, err := t.place()
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := stat(d, name); errors.Is(err, private.ErrUnsafe) {
		return protocol.Policy(err.Error())
	}
	d.SweepShared(time.Now())
	return nil
}

// Put writes a token in the target's format.
func (t *Target) Put(c protocol.Credential) error {
	content, err := t.Encode(c)
	if err != nil {
		return err
	}
	first := t.last == nil
	if first {
		if err := t.mayReplace(content, c.Secret); err != nil {
			return err
		}
	}
	if err := t.Write(content); err != nil {
		return err
	}
	if first && t.First != nil {
		t.First(c)
		t.First = nil // after an expiry and a new token it was already called
	}
	return nil
}

// mayReplace refuses to overwrite a file that no sink has written: --file ~/.netrc
// would lose the user's other entries, and in the end the file.
func (t *Target) mayReplace(content []byte, token secret.Text) error {
	d, name, err := t.place()
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := d.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return nil // there is no file
	}
	defer f.Close()
	old, err := io.ReadAll(io.LimitReader(f, 64<<10)) // no answer is longer
	if err != nil {
		return protocol.Policy(t.Path + ": " + reason(err))
	}
	if len(old) > 0 && !sameForm(old, content, token.Reveal()) {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: t.Path + " holds something that sink did not write",
			Hint: "name another file, or remove this one",
		}
	}
	return nil
}

// sameForm reports whether old could be an earlier content: the same text up to the
// token, then a token, and the same number of lines.
func sameForm(old, content []byte, token string) bool {
	before, _, _ := strings.Cut(string(content), token)
	rest, ok := strings.CutPrefix(string(old), before)
	if !ok || bytes.Count(old, []byte("\n")) != bytes.Count(content, []byte("\n")) {
		return false
	}
	if before == "" { // the bare token and a line break
		return secret.ValidToken(strings.TrimSuffix(rest, "\n"), true)
	}
	return rest != ""
}

// Written reports whether this target has written the file.
func (t *Target) Written() bool { return t.last != nil }
