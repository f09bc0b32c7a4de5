// Package pool lets hosts share tokens: one of them asks the authorization server, and
// the others take its token from a store, in which it lies sealed and signed.
//
// The hosts that may ask are keepers. They hold the client's secret and a key with which
// they sign. Readers hold neither: they can open a token, but cannot make one.
//
// Of all keepers one at a time leads: it has a lease of three seconds, which it renews
// while it asks. Each token has a number, which only grows and which the store gives
// with the lease, so a leader that was stopped for too long cannot replace a newer
// token. Only the store's clock counts; those of the hosts may differ.
//
// A Store is a struct of functions; packages redis, kubernetes and vault make one. Package
// pooltest has the tests that each has to pass.
package pool

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// The version of what lies in a store. A release reads what the one before it writes, and
// learns to read another version a release before it writes it: so two releases that
// follow each other share tokens. An older release is told to be replaced.
const (
	Version = 1 // what this release writes, from 1 to 9
	Newest  = 1 // what it reads, and all before
)

// LeaseTime is how long a lease holds if it is not renewed: what a killed leader costs
// the others.
const LeaseTime = 3 * time.Second

// Store keeps sealed tokens under names. Each function is atomic, and is one round trip.
// Times and numbers are microseconds since 1970 by the clock of the store. Errors are
// *Error, or those of the context.
type Store struct {
	// Ask returns what is there for a host, and gives it the lease if nothing is, and
	// nobody else has it.
	Ask func(ctx context.Context, name string, q Question) (Answer, error)
	// Renew prolongs a lease by LeaseTime. It returns false if another host has taken it
	// meanwhile, or the store has lost it.
	Renew func(ctx context.Context, name string, l Lease) (ours bool, err error)
	// Put replaces what is there by a sealed token, and ends the lease. It returns false,
	// and changes nothing, if the lease is no longer this one. After keep the name may be
	// removed.
	Put func(ctx context.Context, name string, l Lease, sealed []byte, keep time.Duration) (ours bool, err error)
	// GiveUp ends a lease. With a mark the others are held back until then.
	GiveUp func(ctx context.Context, name string, l Lease, mark []byte, hold time.Duration) (ours bool, err error)
	// Report says that an API refuses the token of this number. A reader may call it.
	Report func(ctx context.Context, name string, number int64) error

	// Note appends a sealed line to the pool's log, and Notes returns the last ones, the
	// latest first.
	Note  func(ctx context.Context, line []byte) error
	Notes func(ctx context.Context, most int) ([][]byte, error)

	// Health says how the store is; it is for people.
	Health func(ctx context.Context, q Question) (Health, error)
	// Close ends the connection. The functions open it again.
	Close func()
}

// Question is what a host wants to know about a name.
type Question struct {
	// Have is the number of the token that the host has, also of a refused one: only a
	// newer one is an answer. 0: it has none.
	Have int64
	// Lease is a word that no other host has, with which this one would lead. "": it
	// would not.
	Lease string
	// SkipEntry and SkipMark are what the store said of an entry or a mark that does not
	// count here: Answer.Number and Answer.Until. They are as if they were not there.
	SkipEntry, SkipMark int64
	// Check is the check value of the pool's key; Former is that of the key before it,
	// or "".
	Check, Former string
	// Latest says that a key which others have changed is an error: a person asks. Until
	// all hosts have the new one, the earlier one gets tokens all the same.
	Latest bool
}

// Answer is what a store says. At most one of Entry, Mark and Lease is set. Nothing of it
// is true until it was opened: others can write to the store.
type Answer struct {
	Now    int64  // the store's time
	Entry  []byte // a sealed token
	Number int64  // its number
	Mark   []byte // a sealed mark
	Until  int64  // when it ends
	Past   []byte // beside Lease: the last mark, which is over or was skipped; nil: none since the last token
	Lease  int64  // the number of the lease that this host has now; 0: it has none
	Held   bool   // another host has the lease

	Reported int64 // the number of a token that a reader reported; 0: none
}

// Lease is a lease that a host has.
type Lease struct {
	Word   string
	Number int64 // of the token that the leader makes
}

// Health is how a store is.
type Health struct {
	Now     int64  // its time
	Evicts  string // the policy by which it drops what it was not told to drop; ""
	Warning string // what else a person should know; ""
}

// Kind is what an error of a store means.
type Kind uint8

const (
	// Silent: it did not answer, or the connection broke. It is worth trying again.
	Silent Kind = iota
	// Down: it refuses, or cannot store anything. It is lost at once.
	Down
	// Wrong: it answers, but not to us: the password, the key, the version, a permission.
	// Only a person can help.
	Wrong
)

// Error is an error of a store: one line without secrets.
type Error struct {
	Kind Kind
	Text string
	Hint string // what to do; may be empty

	After time.Duration // how long the store asked to wait; 0: it did not
}

func (e *Error) Error() string { return e.Text }

// word returns a check value or a version as a store has it, for a person; others can
// write to the store, so what is neither is not shown.
func word(s string) string {
	if !isWord(s) {
		return "(not readable)"
	}
	return s
}

// isWord reports whether s may be a check value or a version: a few letters and digits.
func isWord(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// WrongKey returns the error for a store in which the keys of others were used.
func WrongKey(ours, theirs string) error {
	return &Error{Kind: Wrong, Text: "the key is that of another pool: its check value is " + ours + ", the store has " + word(theirs),
		Hint: "give all hosts one key, or this pool another name; while a key is changed the earlier one is key_before"}
}

// NextSuffix ends the name, beside a key's check value, of the check value of the key that
// replaces it. A keeper that has both keys writes it, and removes that of its new key.
const NextSuffix = ".next"

// earlierKey is the error for a host that was forgotten when the key was changed.
func earlierKey(ours, next string) error {
	return &Error{Kind: Wrong, Text: "others use the key " + word(next) + "; this host's, " + ours + ", is the earlier one, and shares no new token with them",
		Hint: "give this host the new key, and the earlier one as key_before until all have both"}
}

// WrongVersion returns the error for a store that a newer release writes to.
func WrongVersion(theirs string) error {
	return &Error{Kind: Wrong, Text: "a newer release of credhelper writes to the store: version " + word(theirs) + ", and this one reads " + strconv.Itoa(Newest),
		Hint: "install that release on this host, too"}
}

// Checked compares the check values in a store, and the version that is written with each,
// with those of a host. It reports whether a keeper has to write its own, with Version, and
// that it follows the former one.
func (q Question) Checked(stored map[string]string) (write bool, err error) {
	version, ours := stored[q.Check]
	if !ours {
		theirs := ""
		for check := range stored {
			if isWord(check) { // what is damaged is as if it were not there
				theirs = max(theirs, check)
			}
		}
		if _, former := stored[q.Former]; former && q.Former != "" || theirs == "" {
			return true, nil
		}
		return false, WrongKey(q.Check, theirs)
	}
	n, err := strconv.Atoi(version)
	if err != nil || n > Newest {
		return false, WrongVersion(version)
	}
	if next := stored[q.Check+NextSuffix]; q.Latest && next != "" {
		return false, earlierKey(q.Check, next)
	}
	return n < Version || q.Former != "" && stored[q.Former+NextSuffix] != q.Check, nil
}
