// Package failure turns errors of the keyring, oauth and cache packages into those of
// package protocol, which have an exit code and say what to type next.
package failure

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

// About adds the profile's name to an error, keeps its meaning, and sets the hint if it
// has none.
func About(profile string, err error, hint string) error {
	e := protocol.About("profile "+profile, err, hint)
	e.Kind = KindOf(err)
	return e
}

// KindOf returns the sentinel for an error; nil for a bug.
func KindOf(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Kind
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

// Keyring explains why a secret cannot be read, with advice.
func Keyring(p *config.Profile, err error) error {
	hint := whatIsWrong(err)
	switch {
	case errors.Is(err, keyring.ErrNotFound) && p.InKeyring():
		return &protocol.Error{Kind: protocol.ErrNoSecret, Text: "profile " + p.Name + ": no secret is stored", Hint: "store it: credhelper rotate " + p.Name}
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
	return About(p.Name, err, hint)
}

// whatIsWrong is the advice if an error says nothing better.
func whatIsWrong(err error) string {
	if Full(err) {
		return "make room there"
	}
	return "see what is wrong: credhelper doctor"
}

// Full reports whether a disk, or the user's part of it, is full.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Store explains why the cache cannot be used; nil if it can.
func Store(err error) error {
	if err == nil {
		return nil
	}
	e := &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line("cache: " + err.Error()), Hint: whatIsWrong(err)}
	if ReadOnly(err) {
		e.Hint = "nothing can be written there; CREDHELPER_HOME can name another directory, and token --no-store needs none"
	}
	return e
}

// ReadOnly reports whether nothing can be written at all.
func ReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// Token returns the error for a failed token request.
func Token(p *config.Profile, err error) error {
	if errors.As(err, new(*protocol.Error)) {
		return err // which names the profile
	}
	var e *oauth.Error
	if !errors.As(err, &e) {
		return About(p.Name, err, "")
	}
	kind := OAuthKind(e)
	hint := p.Hint(e)
	switch {
	case p.Interactive() && slices.Contains(interactiveCodes[:], e.Code):
		kind = protocol.ErrLogin // the sign-in has ended or was declined, and only a person can start another
		hint = cmp.Or(hint, "sign in: credhelper login "+p.Name)
	case p.Interactive() && e.Lost && e.Status != 0: // the server had started to answer
		kind, hint = protocol.ErrLogin, "the answer was lost, and with it perhaps the sign-in: try once more, and if that fails: credhelper login "+p.Name
	}
	place := "token endpoint: "
	if grant, _ := oauth.FindGrant(p.Grant); e.Kind == oauth.Policy && e.Status == 0 || grant.Make != nil {
		place = "" // it was not contacted
	}
	public := &protocol.Error{
		Kind: kind,
		Text: printable.Line("profile " + p.Name + ": " + place + e.Error()),
		Hint: printable.Line(hint),

		RetryAfter: int64((e.Hold() + time.Second - 1) / time.Second),
	}
	return &TokenFailure{public, e.CorrelationID, e.Tries}
}

// Login returns the error if a person must sign in.
func Login(p *config.Profile, why string) error {
	return &protocol.Error{Kind: protocol.ErrLogin, Text: printable.Line("profile " + p.Name + ": " + why),
		Hint: "sign in: credhelper login " + p.Name}
}

// interactiveCodes are the errors that require a new sign-in by a person (RFC 6749 5.2,
// 4.1.2.1, RFC 8628 3.5, OpenID Connect Core 3.1.2.6).
var interactiveCodes = [...]string{"invalid_grant", "access_denied", "expired_token", "login_required", "interaction_required", "consent_required"}

// TokenFailure is a failed token request with further values for the log.
type TokenFailure struct {
	public      *protocol.Error
	Correlation string
	Tries       int
}

func (f *TokenFailure) Error() string { return f.public.Error() }

func (f *TokenFailure) Unwrap() error { return f.public }

// OAuthKind is the sentinel that an error of package oauth stands for.
func OAuthKind(e *oauth.Error) error {
	if e.Meaning != nil {
		return e.Meaning
	}
	switch e.Kind {
	case oauth.Policy, oauth.Untrusted:
		return protocol.ErrPolicy
	case oauth.Unreachable:
		return protocol.ErrUnreachable
	}
	return protocol.ErrRefused
}

// Seconds is a number of seconds as a duration.
func Seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// Span formats a duration for people, in its largest unit.
func Span(d time.Duration) string {
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
