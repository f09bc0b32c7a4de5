// Package protocol is what tools say to a credential helper and what they want
// to hear back: one file per dialect, each opening with the tool's contract.
//
// A dialect is a row of Dialects with pure functions: bytes and arguments to a
// Request, a Credential to bytes. No clock, no files, no network; the caller
// reads what Stdin asks for, finds the credential, and writes the answer once.
//
//	call -> Choose -> Dialect.Decode -> Request -> Answerer -> Credential -> Dialect.Encode -> bytes
//	                                                error   -> Dialect.Refuse -> Reply
package protocol

import (
	"context"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Verb is what a tool wants.
type Verb uint8

const (
	// Get wants a credential.
	Get Verb = iota + 1
	// Forget reports a refused credential. It is dropped only if it is the
	// current one, so late reporters of an old token do no harm. Without a token
	// (cargo logout, terraform forget) the cached one is dropped, whatever it is;
	// with one that cannot be any, nothing is, and the answer still says whether
	// the URL is ours.
	Forget
	// Accepted reports that the token in Offered was taken (git's store). It ends what
	// reports of a refusal began, if it is the current one, and is answered with
	// silence.
	Accepted
	// Say wants nothing from the helper: the answer is Request.Reply, known from
	// the call alone (a version, a list of capabilities, "stored" by a helper
	// that stores nothing).
	Say
)

// Call is how the process was called.
type Call struct {
	Profile string   // from the executable's name or an argument before the verb; "" if not named
	Args    []string // after the dialect's word
	Stdin   []byte   // as much as Dialect.Stdin asked for
	Env     func(string) string
}

// Request is what a tool wants, in one form for all dialects.
type Request struct {
	Verb     Verb
	URL      origin.URL // what the token is for; zero if only the profile is named
	Profile  string     // narrows (O14); must own URL if there is one
	Username string     // as the tool sent it; chooses between profiles of equal right, and nothing else
	Refused  Refusal    // which token the tool saw refused; it wants another one
	// Asker is what a further request of the same process about the same place is known
	// by, of a tool that cannot say which token it means; "" for others and where the
	// process cannot be known. What such a process forgets is the token that it was given:
	// it was refused. Whoever else forgets one logs out.
	Asker string
	// Repeats: the tool's second question is a report, too, because it only asks again if
	// its token was refused.
	Repeats bool
	Offered secret.Text // what the tool wants stored; it is, if it is the current token (docker)
	MinTTL  int64       // seconds that the token must still live; 0: the profile's setting
	Refresh bool        // fetch even if the cached token is good
	Timeout int64       // seconds for the whole answer; 0: the usual 8
	Shape   string      // which of its dialect's answers the tool wants; the dialect's own word
	Address string      // the URL as the tool wrote it, for answers that repeat it
	Reply   Reply       // for Say
}

// Credential is what a tool gets.
type Credential struct {
	Profile  string
	Scheme   string      // "Bearer"
	Header   string      // header field that carries it; "" is Authorization
	Username string      // for tools that only know Basic
	Secret   secret.Text // the token
	Wide     bool        // the profile widened the token's grammar
	Expires  int64       // Unix seconds; never zero
	Source   string      // "cache" or "network"
	Origin   string      // canonical origin of the profile that the request matched, or its first one
	Origins  []string    // all of them, canonical, for an answer that names places (GOAUTH); may be nil
	// RefreshOn are the statuses, besides 401, by which the API says that it does not
	// take the token: who gets one reports the token as refused and asks once more.
	// Nil for most APIs, and for a token too young to be doubted by a status that
	// also means other things.
	RefreshOn []int
}

// RefreshesOn reports whether an API's answer with this HTTP status says that it did not
// take the credential.
func (c Credential) RefreshesOn(status int) bool {
	if status == 401 {
		return true
	}
	for _, s := range c.RefreshOn {
		if s == status {
			return true
		}
	}
	return false
}

// allOrigins are the places that the credential is for.
func (c Credential) allOrigins() []string {
	if c.Origins == nil && c.Origin != "" {
		return []string{c.Origin}
	}
	return c.Origins
}

// Reply is a complete answer to a tool.
type Reply struct {
	Stdout []byte
	Exit   int
	Quiet  bool // nothing on stderr either: the tool asked about a thing that is not ours
}

// Answerer finds credentials. The helper is one; a client of a connector is
// another.
type Answerer interface {
	// Get returns a credential for r, or an error that wraps a sentinel of this
	// package.
	Get(ctx context.Context, r Request) (Credential, error)
	// Forget drops the refused credential, if it is the current one.
	Forget(ctx context.Context, r Request) error
}

// Until says where the reading of a request ends.
type Until uint8

const (
	// Nothing: stdin is the tool's own and is not touched.
	Nothing Until = iota
	// EOF: the request ends with the stream.
	EOF
	// BlankLine: the request ends with an empty line or the stream (git).
	BlankLine
	// OneLine: requests come one a line and the pipe stays open (cargo).
	OneLine
	// Guess: EOF if the first byte that is not blank is '{', else BlankLine.
	Guess
	// Drain: read to the end of the stream and never interpreted.
	Drain
)

// Stdin says what to read: until where, and at most how many bytes. One byte
// more is ErrMalformed, not a cut (R1).
type Stdin struct {
	Until Until
	Limit int
}

// Complete reports whether a request that began with read is whole before the
// stream ends: git and uv keep their pipe open until they have the answer.
func (s Stdin) Complete(read []byte) bool {
	switch s.Until {
	case BlankLine:
	case Guess:
		if !looksLikeGit(read) {
			return false
		}
	default:
		return false
	}
	text := string(read)
	return strings.HasPrefix(text, "\n") || strings.HasPrefix(text, "\r\n") ||
		strings.Contains(text, "\n\n") || strings.Contains(text, "\n\r\n")
}

// Dialect is one tool's language. All functions are pure.
type Dialect struct {
	Name  string   // the first word that selects it
	Words []string // other first words
	Link  string   // executable name that selects it, before an optional "-PROFILE"
	Title string   // for people
	// Bare says why no token goes out in clear although a request may name a host without
	// a scheme, or nothing but a profile; "" if every request names a URL.
	Bare  string
	Front bool // a cached answer may be given without the engine

	// Stdin says what to read for these arguments.
	Stdin func(args []string) Stdin
	// Decode reads a request. Its errors wrap ErrMalformed or ErrPolicy. Callers want Read.
	Decode func(Call) (Request, error)
	// Encode writes the answer. It fails rather than write a line that the
	// credential could have forged.
	Encode func(Request, Credential) ([]byte, error)
	// Refuse is the answer when no credential is given; err is never nil.
	Refuse func(Request, error) Reply
	// Greeting is written before anything is read, for dialects that talk in
	// lines (OneLine).
	Greeting string
	// Flag is what the tool adds to each call of such a dialect: without it a person
	// may have typed the word.
	Flag string
}
