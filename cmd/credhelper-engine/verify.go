package main

import (
	"context"
	"errors"
	"strings"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A new secret is shown to the server before it is stored. That may say nothing against
// it and nothing for it: the network broke, or an API does not let this account in.

// verified asks the server about a new secret. doubt is the reason why a secret that is
// stored was not verified; err is the reason why it is not stored. replacing: it may
// replace another one.
func (s *session) verified(ctx context.Context, h *helper.Helper, p *config.Profile, text secret.Text, replacing bool) (tested helper.TestResult, doubt, err error) {
	unchanged := "nothing was stored"
	if replacing {
		unchanged = "the secret that was stored before is unchanged"
	}
	tested, err = s.verify(ctx, h, p, text)
	switch {
	case errors.Is(err, protocol.ErrProbe):
		return tested, notStored(err, "stored, for the token itself is good"), nil
	case err == nil:
		return tested, nil, nil
	case !errors.Is(err, protocol.ErrUnreachable):
		return tested, nil, notStored(err, unchanged)
	}
	if replacing {
		var readErr error
		if replacing, readErr = h.HasSecret(ctx, p); readErr != nil {
			return tested, nil, readErr
		}
	}
	if !s.storeUnverified(err, replacing) {
		return tested, nil, notStored(err, unchanged+"; try again, or with --no-verify")
	}
	return tested, notStored(err, "stored, but not verified: credhelper test "+p.Name), nil
}

// storeUnverified reports whether to store a secret that could not be verified. A typed
// one may have been shown only once, so the person is asked. Any other is stored if it
// is the first, but does not replace one that works.
func (s *session) storeUnverified(why error, replaces bool) bool {
	if !s.typed {
		return !replaces
	}
	question := why.Error() + ". Store the new secret without asking the server?"
	if replaces {
		question += " The one before is kept, too."
	}
	yes, err := s.askYes(question)
	return err == nil && yes
}

// verify fetches a token and asks the API which account it belongs to.
func (s *session) verify(ctx context.Context, h *helper.Helper, p *config.Profile, text secret.Text) (tested helper.TestResult, err error) {
	if p.Interactive() { // the sign-in will show it
		return tested, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	tested, err = h.Try(ctx, p, text)
	s.sayTested(tested)
	return tested, err
}

// sayTested reports the results of a test, as far as it came.
func (s *session) sayTested(t helper.TestResult) {
	ok := s.screenOf(s.stderr).paint(green, "ok")
	if t.Life <= 0 {
		return
	}
	from, kind := "", ""
	if t.TokenURL != "" { // else no server was asked
		from = "from " + printable.Line(t.TokenURL) + ", "
	}
	if t.Issued != "" {
		kind = ", issued as " + printable.Line(t.Issued)
	}
	s.sayPainted(ok + "  token      " + from + "valid " + failure.Span(t.Life) + kind)
	for _, w := range t.Warnings {
		s.say("Note: " + w)
	}
	if t.Identity != "" {
		s.sayPainted(ok + "  identity   " + printable.Line(t.Identity) + " (" + printable.Line(lastPart(t.ProbeURL)) + ")")
	}
}

// lastPart returns the last two segments of an address.
func lastPart(url string) string {
	parts := strings.Split(url, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// notStored adds to an error that the secret was not stored.
func notStored(err error, what string) error {
	e := &protocol.Error{Text: err.Error() + "; " + what}
	var cause *protocol.Error
	if errors.As(err, &cause) {
		e.Kind, e.Hint = cause.Kind, cause.Hint
	}
	return e
}
