package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A sinkTarget is the file that sink keeps, at a place that the user chose.
type sinkTarget struct {
	tokenFile
	request protocol.Request          // its Shape is the format
	first   func(protocol.Credential) // called once, when the file is there; may be nil
}

// prepare refuses a place before anything is fetched for it, and tidies up after
// a killed sink.
func (t *sinkTarget) prepare() error {
	root, err := openPlace(filepath.Dir(t.path))
	if err != nil {
		return err
	}
	defer root.Close()
	if err := replaceable(root, filepath.Base(t.path), t.path); err != nil {
		return err
	}
	sweepTemps(t.path)
	return nil
}

// put writes a token in the format.
func (t *sinkTarget) put(c protocol.Credential) error {
	content, err := headerDialect().Encode(t.request, c)
	if err != nil {
		return err
	}
	first := t.last == nil
	if first {
		if err := t.mayReplace(content, c.Secret); err != nil {
			return err
		}
	}
	if err := t.write(content); err != nil {
		return err
	}
	if first && t.first != nil {
		t.first(c)
		t.first = nil // after an end and a new token it was said already
	}
	return nil
}

// mayReplace refuses to overwrite what no sink has written: --file ~/.netrc would
// cost the user every other entry, and in the end the file.
func (t *sinkTarget) mayReplace(content []byte, token secret.Text) error {
	root, err := openPlace(filepath.Dir(t.path))
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.Open(filepath.Base(t.path))
	if err != nil {
		return nil // there is none
	}
	defer f.Close()
	old, err := io.ReadAll(io.LimitReader(f, 64<<10)) // no answer is longer
	if err != nil {
		return policy(t.path + ": " + reason(err))
	}
	if len(old) > 0 && !sameForm(old, content, token.Reveal()) {
		return &protocol.Error{
			Kind: protocol.ErrPolicy,
			Text: t.path + " holds something that sink did not write",
			Hint: "name another file, or remove this one",
		}
	}
	return nil
}

// sameForm tells whether old could be an earlier content: the same up to the
// token, then a token, and as many lines.
func sameForm(old, content []byte, token string) bool {
	before, _, _ := strings.Cut(string(content), token)
	rest, ok := strings.CutPrefix(string(old), before)
	if !ok || bytes.Count(old, []byte("\n")) != bytes.Count(content, []byte("\n")) {
		return false
	}
	if before == "" { // the bare token and a line end
		return secret.ValidToken(strings.TrimSuffix(rest, "\n"), true)
	}
	return rest != ""
}
