package helper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// This file is the only place where errors of keyring, oauth and cache become those of
// protocol, with an exit code and advice.

func policy(text string) error {
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line(text)}
}

func malformed(text string) error {
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: printable.Line(text)}
}

// about adds the profile's name to an error, keeps its meaning, and sets the hint if it
// has none.
func about(profile string, err error, hint string) error {
	e := protocol.About("profile "+profile, err, hint)
	e.Kind = kindOf(err)
	return e
}

// kindOf returns the sentinel for an error; nil for a bug.
func kindOf(err error) error {
	var known *protocol.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	for _, t := range [...]struct{ is, kind error }{
		{cache.ErrLocked, protocol.ErrBusy},
		{cache.ErrUnsafe, protocol.ErrPolicy},
		{keyring.ErrNotFound, protocol.ErrNoSecret},
		{keyring.ErrLocked, protocol.ErrLocked},
		{keyring.ErrUnavailable, protocol.ErrLocked},
		{keyring.ErrUnsafe, protocol.ErrPolicy},
		{keyring.ErrDamaged, protocol.ErrPolicy},
		{keyring.ErrInvalid, protocol.ErrPolicy},
		{context.DeadlineExceeded, protocol.ErrBusy},
	} {
		if errors.Is(err, t.is) {
			return t.kind
		}
	}
	return nil
}

// keyringError explains why a secret cannot be read, with advice.
func keyringError(p *config.Profile, err error) error {
	hint := "see what is wrong: credhelper doctor"
	switch {
	case errors.Is(err, keyring.ErrNotFound) && p.InKeyring():
		hint = "store it: credhelper rotate " + p.Name
		return &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": no secret is stored", Hint: hint}
	case errors.Is(err, keyring.ErrNotFound):
		hint = "its secret comes from " + printable.Line(strings.Join(p.Secret[:min(2, len(p.Secret))], " "))
	case errors.Is(err, keyring.ErrUnavailable) && !p.InKeyring(): // the source fails, not a keyring
		hint = "see what it says: credhelper doctor " + p.Name
	case errors.Is(err, keyring.ErrKeyGone):
		hint = "" // unlocking does not help, and the error says what does
	case errors.Is(err, keyring.ErrUnlock):
		hint = "unlock it: credhelper unlock"
	case errors.Is(err, keyring.ErrLocked):
		hint = "" // the desktop's own program does it, and the error says so
	case errors.Is(err, keyring.ErrDamaged):
		hint = "nothing was deleted; restore a backup, or store the secret again: credhelper rotate " + p.Name
	case errors.Is(err, keyring.ErrInvalid):
		hint = "store it again: credhelper rotate " + p.Name
	}
	return about(p.Name, err, hint)
}

// storeError explains why the cache cannot be used.
func storeError(err error) error {
	e := &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line("cache: " + err.Error()), Hint: "see what is wrong: credhelper doctor"}
	if readOnly(err) {
		e.Hint = "nothing can be written there; CREDHELPER_HOME names another place, and token --no-store needs none"
	}
	return e
}

// readOnly reports whether nothing can be written at all.
func readOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// tokenError returns the error for a failed token request.
func tokenError(p *config.Profile, err error) error {
	if errors.As(err, new(*protocol.Error)) {
		return err // which names the profile
	}
	var e *oauth.Error
	if !errors.As(err, &e) {
		return about(p.Name, err, "")
	}
	kind := oauthKind(e)
	hint := p.Hint(e)
	switch {
	case p.Person() && slices.Contains(personCodes[:], e.Code):
		kind = protocol.ErrLogin // the sign-in has ended or was declined, and only a person can start another
		hint = cmp.Or(hint, "sign in: credhelper login "+p.Name)
	case p.Person() && e.Lost && e.Status != 0: // the server had started to answer
		kind, hint = protocol.ErrLogin, "the answer was lost, and with it perhaps the sign-in: try once more, and if that fails: credhelper login "+p.Name
	}
	place := "token endpoint: "
	if e.Kind == oauth.Policy && e.Status == 0 {
		place = "" // it was not contacted
	}
	known := &protocol.Error{
		Kind: kind,
		Text: printable.Line("profile " + p.Name + ": " + place + e.Error()),
		Hint: printable.Line(hint),

		RetryAfter: int64((e.Hold() + time.Second - 1) / time.Second),
	}
	return &tokenFailure{known, e.CorrelationID, e.Tries}
}

// lastWord marks a failure of the profile after which git should ask no other helper
// (H2): a secret, a sign-in or permissions are missing, which a password cannot
// replace. A locked keyring and an unreachable server are temporary, and meanwhile a
// person may want to use another credential.
func (q *query) lastWord(err error) error {
	var e *protocol.Error
	if !errors.As(err, &e) || !q.profile.GitQuit {
		return err
	}
	for _, kind := range [...]error{protocol.ErrNoSecret, protocol.ErrLogin, protocol.ErrRefused, protocol.ErrBusy} {
		if errors.Is(err, kind) {
			last := *e // the failure may be shared with others
			last.Text, last.Quit = err.Error(), true
			return &last
		}
	}
	return err
}

// worthAsking adds to a failure after how long to ask again, if not at once.
func worthAsking(failure error, hold time.Duration) error {
	if e := new(protocol.Error); errors.As(failure, &e) && hold > 0 && hold != untilLogin {
		e.RetryAfter = int64((hold + time.Second - 1) / time.Second)
	}
	return failure
}

// personCodes are the errors that require a new sign-in by a person (RFC 6749 5.2,
// 4.1.2.1, RFC 8628 3.5, OpenID Connect Core 3.1.2.6).
var personCodes = [...]string{"invalid_grant", "access_denied", "expired_token", "login_required", "interaction_required", "consent_required"}

// tokenFailure is a failed token request with further values for the log.
type tokenFailure struct {
	known       *protocol.Error
	correlation string
	tries       int
}

func (f *tokenFailure) Error() string { return f.known.Error() }
func (f *tokenFailure) Unwrap() error { return f.known }

func oauthKind(e *oauth.Error) error {
	switch e.Kind {
	case oauth.Policy, oauth.Untrusted:
		return protocol.ErrPolicy
	case oauth.Unreachable:
		return protocol.ErrUnreachable
	}
	return protocol.ErrRefused
}

// notAsked is the failure of a call that did not contact the server because of a mark.
// The log already has the original failure.
type notAsked struct{ error }

func (e *notAsked) Unwrap() error { return e.error }

// waiting returns the error while a mark holds: what happened, when, and when the
// server will be asked again.
func waiting(p *config.Profile, m cache.Mark, now time.Time) error {
	return &notAsked{marked(p, m, now)}
}

func marked(p *config.Profile, m cache.Mark, now time.Time) error {
	if untilSignedIn(m) {
		return needLogin(p, fmt.Sprintf("the sign-in is over; %s ago the server said: %s", span(seconds(now.Unix()-m.At)), m.Reason))
	}
	kind, verb, hint := protocol.ErrUnreachable, "failed", "to ask at once: credhelper test "+p.Name
	switch {
	case m.Refused:
		kind, verb = protocol.ErrRefused, "refused"
		if m.Hint != "" {
			hint = m.Hint + "; " + hint
		}
	case m.Asked:
		verb = "asked to wait"
	}
	until := time.Unix(m.Until, 0).UTC()
	text := fmt.Sprintf("profile %s: %s %s ago, not asked again until %sZ (%s); the earlier reason: %s",
		p.Name, verb, span(seconds(now.Unix()-m.At)), until.Format(time.TimeOnly), span(seconds(m.Until-now.Unix())), m.Reason)
	return &protocol.Error{Kind: kind, Text: printable.Line(text), Hint: printable.Line(hint), RetryAfter: m.Until - now.Unix()}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// span formats a duration for people, in its largest unit.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", (d+time.Second/2)/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
