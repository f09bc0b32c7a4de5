// Package bearer uses credentials in a Go program's HTTP client: it has an
// oauth2.TokenSource and an http.RoundTripper over any protocol.Answerer, which can be
// the helper itself or a connector's client (RFC 6750).
//
//	client := &http.Client{Transport: &bearer.Transport{Answerer: answerer, Profile: "jama"}}
//
// Prefer Transport. It requests the token for each request's own URL, so that no other
// origin ever gets it, even along redirects (O15); it recovers from a refused token and
// waits if the API asks for it. TokenSource is for libraries that want an
// oauth2.TokenSource; they are responsible for where that token goes.
//
// Neither stores a token: the answerer has the cache, knows when a token expires, and
// notices when the secret was rotated.
package bearer

import (
	"context"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// get requests a credential and vets it. A token may expire between the answer and the
// check; then the answerer is asked once more, and has the next one.
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

// vet refuses a token that no header may carry, or that is about to expire. The
// answerer has done so before, but it may be another process, whose mistake must not
// forge a header here (A16, T21).
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

// visible reports whether s is empty or consists of bytes 0x21 to 0x7E.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// of returns an error about the profile of c.
func of(c protocol.Credential, kind error, text string) error {
	if visible(c.Profile) && c.Profile != "" {
		text = "profile " + c.Profile + ": " + text
	}
	return &protocol.Error{Kind: kind, Text: text}
}

// policy returns an error for a request that is not sent.
