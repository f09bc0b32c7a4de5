// Package protocol implements the dialects in which tools talk to a credential helper:
// one file per dialect, each beginning with the tool's contract.
//
// A dialect is a row of Dialects with pure functions, from bytes and arguments to a
// Request, and from a Credential to bytes. They use no clock, no files and no network.
// The caller reads stdin as Stdin says, finds the credential, and writes the answer
// once.
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

// Verb is the operation that a tool requests.
type Verb uint8

const (
	// Get requests a credential.
	Get Verb = iota + 1
	// Forget reports a refused credential. It is dropped only if it is the current one,
	// so a late report of an old token does no harm. Without a token (cargo logout,
	// terraform forget) the cached one is dropped, whichever it is. With a text that
	// cannot be a token nothing is dropped, and the answer still says whether a profile
	// owns the URL.
	Forget
	// Accepted reports that the server accepted the token in Offered (git's store). If
	// it is the current one, this ends the effects of reported refusals. There is no
	// output.
	Accepted
	// Say needs no credential: the answer is Request.Reply, which follows from the call
	// alone (a version, a list of capabilities, "stored" by a helper that stores
	// nothing).
	Say
)

// Call describes how the process was called.
type Call struct {
	Profile string   // from the executable's name or an argument before the verb; may be empty
	Args    []string // after the dialect's word
	Stdin   []byte   // as much as Dialect.Stdin requested
	Env     func(string) string
}

// Request is a tool's request, in one form for all dialects.
type Request struct {
	Verb    Verb
	URL     origin.URL // what the token is for; zero if only a profile is named
	Profile string     // narrows (O14): it must own URL if there is one
	Narrowing
	Username string  // as sent by the tool; only chooses between profiles with equal claims
	Guest    string  // the guest of the door that it is for; for the log only
	Refused  Refusal // the token that was refused; another one is requested
	// Asker identifies the calling process and what it asks for, for a tool that cannot
	// say which token it means; "" for other tools, and if the process is unknown. If
	// such a process forgets a token, that is the one it was given, which was refused.
	// If another process forgets one, it logs out.
	Asker string
	// Repeats: the tool's second question is a report, too, because it only asks again if
	// its token was refused.
	Repeats bool
	Offered secret.Text // the token to store; succeeds if it is the current one (docker)
	MinTTL  int64       // seconds for which the token must remain valid; 0: the profile's setting
	Refresh bool        // fetch even if the cached token is valid
	Anew    bool        // with Refresh: if that fails, the cached token will not do
	Timeout int64       // time limit for the whole answer in seconds; 0: the default of 8
	Shape   string      // which form of answer the tool wants; defined by the dialect
	Address string      // the URL as written by the tool, for answers that repeat it
	Reply   Reply       // for Say
}

// Credential is the credential that a tool gets.
type Credential struct {
	Profile  string
	Scheme   string      // "Bearer"
	Header   string      // header field that carries it; "" is Authorization
	Username string      // for tools that only know Basic
	Secret   secret.Text // the token
	Wide     bool        // the profile widened the token's grammar
	Expires  int64       // Unix seconds; never zero
	Source   string      // "cache", "network", or "pool": fetched by another host
	Origin   string      // canonical origin that the request matched, or the profile's first one
	Origins  []string    // all canonical origins, for answers that list them (GOAUTH); may be nil
	// RefreshOn lists the HTTP statuses, besides 401, with which the API refuses a
	// token: a client that receives one reports the token as refused and asks once
	// more. It is nil for most APIs, and for a new token, because these statuses also
	// have other meanings.
	RefreshOn []int
}

// RefreshesOn reports whether this HTTP status of the API means that it refused the
// credential.
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

// allOrigins returns the origins that the credential is for.
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
	Quiet  bool // no error on stderr, because no profile owns what the tool asked about
}

// Answerer returns credentials. The helper is one; the client of a connector is
// another.
type Answerer interface {
	// Get returns a credential for r, or an error that wraps a sentinel of this
	// package.
	Get(ctx context.Context, r Request) (Credential, error)
	// Forget drops the refused credential, if it is the current one.
	Forget(ctx context.Context, r Request) error
}

// Until says where a request on stdin ends.
type Until uint8

const (
	// Nothing: stdin belongs to the tool and is not read.
	Nothing Until = iota
	// EOF: the request ends with the stream.
	EOF
	// BlankLine: the request ends with an empty line or the stream (git).
	BlankLine
	// OneLine: each line is a request and the pipe stays open (cargo).
	OneLine
	// Guess: EOF if the first byte that is not white space is '{', else BlankLine.
	Guess
	// Drain: read to the end of the stream and ignored.
	Drain
)

// Stdin says how to read stdin: where the request ends, and its maximum size in bytes.
// One byte more is ErrMalformed, not truncated (R1).
type Stdin struct {
	Until Until
	Limit int
}

// Complete reports whether the bytes read so far are a whole request, before the stream
// ends: git and uv keep their pipe open until they have the answer.
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

// Input says how to read stdin for a call with these arguments.
func (d *Dialect) Input(args []string) Stdin {
	if d.Stdin == nil {
		return Stdin{}
	}
	return d.Stdin(args)
}

// Dialect is the protocol of one tool. All functions are pure.
type Dialect struct {
	Name  string   // the first word that selects it
	Words []string // other first words that select it
	Link  string   // executable name that selects it, before an optional "-PROFILE"
	Title string   // for people
	Front bool     // the front may answer from the cache

	// Stdin says how to read stdin for these arguments.
	Stdin func(args []string) Stdin
	// Decode decodes a request. Its errors wrap ErrMalformed or ErrPolicy. Callers use
	// Read.
	Decode func(Call) (Request, error)
	// Encode writes the answer. It fails if the credential could forge a line of it.
	Encode func(Request, Credential) ([]byte, error)
	// Refuse returns the answer for a failure; err is never nil.
	Refuse func(Request, error) Reply
	// Greeting is written before anything is read, by line protocols (OneLine).
	Greeting string
	// Flag is the argument that the tool adds to each call of a line protocol: without
	// it a person may have typed the word.
	Flag string
}
