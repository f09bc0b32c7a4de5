package tokenfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
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
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: err.Error(), Hint: t.hint()}
	}
	defer d.Close()
	if _, err := stat(d, name); errors.Is(err, private.ErrUnsafe) {
		return protocol.Policy(err.Error())
	}
	if dir, err := os.Stat(d.Path()); err == nil && t.GroupRead && dir.Mode()&0o010 == 0 {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: d.Path() + " is closed to its group, which could not reach the file",
			Hint: "chmod g+x it, or leave out --group-read",
		}
	}
	d.SweepShared(time.Now())
	return nil
}

// hint returns what to do about a directory that cannot be used: one that is missing, or a
// volume that everybody can write to, as Kubernetes' emptyDir is. A directory in that can
// be ours.
func (t *Target) hint() string {
	dir := filepath.Dir(t.Path)
	info, err := os.Lstat(dir)
	switch {
	case t.MakeDir:
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(dir)); err != nil {
			return "create it with mode 0700"
		}
		return "create it with mode 0700, or add --make-dir"
	case err == nil && info.IsDir() && info.Mode().Perm()&0o002 != 0:
		return "name a file in a directory below it, which --make-dir creates"
	}
	return ""
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
			Text: t.Path + " does not hold what sink writes in this format",
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
