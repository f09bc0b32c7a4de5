package protocol

import (
	"cmp"
	"errors"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// The sentinels, one per exit code (docs/exit-codes.md). Every failure wraps one of
// them; a dialect's Refuse turns it into its tool's form.
var (
	ErrMalformed   = errors.New("the request is not understood")
	ErrNoProfile   = errors.New("no profile")
	ErrNoSecret    = errors.New("the secret is missing")
	ErrLocked      = errors.New("the keyring is locked or does not answer")
	ErrLogin       = errors.New("a person must sign in")
	ErrRefused     = errors.New("refused")
	ErrUnreachable = errors.New("unreachable")
	ErrPolicy      = errors.New("not allowed")
	ErrBusy        = errors.New("another process holds the lock")
	ErrProbe       = errors.New("the API refused the token")
	ErrInactive    = errors.New("the token is not active")

	// ErrUnknown and ErrAmbiguous share ErrNoProfile's exit code, but are a person's
	// mistakes: no dialect may treat them as "not ours" and let its tool continue
	// without a credential.
	ErrUnknown   = errors.New("no profile of that name")
	ErrAmbiguous = errors.New("two profiles claim it")
)

// ExitCode returns the exit code of credhelper's own commands: 0 for nil, 1 for an
// error that wraps no sentinel.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	// The table is local because at package level it would need an initializer in every
	// start of the front.
	for _, e := range [...]struct {
		err  error
		code int
	}{
		{ErrMalformed, 2}, {ErrNoProfile, 3}, {ErrUnknown, 3}, {ErrAmbiguous, 3}, {ErrNoSecret, 4}, {ErrLocked, 5},
		{ErrLogin, 6}, {ErrRefused, 7}, {ErrUnreachable, 8}, {ErrPolicy, 9}, {ErrBusy, 10}, {ErrProbe, 11}, {ErrInactive, 12},
	} {
		if errors.Is(err, e.err) {
			return e.code
		}
	}
	return 1
}

// Error is an error with a text for people and a sentinel as its meaning. The text is
// one line and contains no secret.
type Error struct {
	Kind error
	Text string
	Hint string // what to type next; may be empty
	// RetryAfter is the number of seconds after which to ask again, because the server
	// asked for it or because a refusal is remembered that long; 0 if nothing is known.
	RetryAfter int64
	// Note is for a person, where the tool is answered without a word and goes on: what
	// may be the reason all the same; mostly empty.
	Note string
	// Quit says that no other helper should be asked: the profile owns the URL, and a
	// password would not help. git's protocol can express this.
	Quit bool
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Kind }

// About puts what an error is about before it, and keeps its meaning and its hint.
// The given hint is for an error that has none.
func About(what string, err error, hint string) *Error {
	e := &Error{Hint: printable.Line(hint)}
	if cause := new(Error); errors.As(err, &cause) {
		e.Kind, e.Hint, e.RetryAfter = cause.Kind, cmp.Or(cause.Hint, e.Hint), cause.RetryAfter
	}
	e.Text = printable.Line(what + ": " + err.Error())
	return e
}

// Unowned is the answer about a URL on whose host no profile has anything. unusable is
// the name of a profile that cannot be used and may be the reason, "" if there is none.
func Unowned(u origin.URL, unusable string) *Error {
	e := &Error{Kind: ErrNoProfile, Text: "no profile owns " + u.String(), Hint: "see why: credhelper explain " + u.String()}
	if unusable != "" {
		e.Hint = "profile " + unusable + " cannot be used; see why: credhelper doctor"
	}
	return e
}

// Malformed returns an error for what is not understood. Its text becomes one line.
func Malformed(text string) error { return &Error{Kind: ErrMalformed, Text: printable.Line(text)} }

// Policy returns an error for what is not allowed. Its text becomes one line.
func Policy(text string) error { return &Error{Kind: ErrPolicy, Text: printable.Line(text)} }

// ownRefusal is the Refuse of credhelper's own commands: nothing on stdout, and the
// exit code of the error.
func ownRefusal(_ Request, err error) Reply { return Reply{Exit: ExitCode(err)} }
