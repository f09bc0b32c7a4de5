// Package bearer is what a Go program's HTTP client does with a credential: an
// oauth2.TokenSource and an http.RoundTripper over any protocol.Answerer, be it
// the helper itself or a connector's client (RFC 6750).
//
//	client := &http.Client{Transport: &bearer.Transport{Answerer: answerer, Profile: "jama"}}
//
// Transport is the one to take. It asks for the token of each request's own URL,
// so that no other origin ever gets it, redirects included (O15); it recovers from
// a refused token and waits where the API asks for patience. TokenSource is for
// libraries that want an oauth2.TokenSource; where that token goes is theirs to
// answer for.
//
// Neither keeps a token: the answerer has the cache, knows when a token ends, and
// learns when somebody rotated the secret behind it.
package bearer

import (
	"context"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// get asks for a credential and vets it. A token may end between the answer and
// here: then the answerer is asked once more, and has the next one.
func get(ctx context.Context, a protocol.Answerer, r protocol.Request, now func() time.Time) (c protocol.Credential, at time.Time, err error) {
	for range 2 {
		if c, err = a.Get(ctx, r); err != nil {
			return c, at, err
		}
		at = now()
		if err = vet(c, at); err == nil || !ended(c, at) {
			return c, at, err
		}
	}
	return c, at, err
}

func ended(c protocol.Credential, now time.Time) bool { return !now.Before(time.Unix(c.Expires, 0)) }

// vet refuses what no header may carry, and a token at its end. Whoever answered
// has done so before; it may be another process, and a slip there must not forge
// a header here (A16, T21).
func vet(c protocol.Credential, now time.Time) error {
	switch {
	case !secret.ValidToken(c.Secret.Reveal(), c.Wide):
		return of(c, protocol.ErrPolicy, "the token holds characters that no header may carry")
	case !visible(c.Scheme) || !visible(c.Header):
		return of(c, protocol.ErrPolicy, "its header or scheme is no single word")
	case c.Expires <= 0:
		return of(c, protocol.ErrPolicy, "the token has no end")
	case ended(c, now):
		return of(c, protocol.ErrUnreachable, "the token that was given has ended already; is the clock right?")
	}
	return nil
}

// visible reports whether s is one word of 0x21 to 0x7E, or nothing.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// of is an error about the profile of c.
func of(c protocol.Credential, kind error, text string) error {
	if visible(c.Profile) && c.Profile != "" {
		text = "profile " + c.Profile + ": " + text
	}
	return &protocol.Error{Kind: kind, Text: text}
}

// policy is an error of the caller's request: it is not sent.
func policy(text string) error { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }
