package bearer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/protocol"
)

const (
	// trustTime is how long an answer is used without asking again. The helper itself
	// trusts its memory for as long, so a rotated secret or a sign-out is noticed
	// within a fifth of a second.
	trustTime = 100 * time.Millisecond
	// graceTime is the maximum age of an answer that callers still get while one of
	// them asks: a fetch may take that long, and the token is valid until it expires.
	graceTime = 2 * time.Second
)

// TokenSource is an oauth2.TokenSource over an Answerer. It is safe for concurrent use
// and must not be copied. A hit costs two clock comparisons and no allocation.
//
// Give it to oauth2.Transport directly. oauth2.NewClient and ReuseTokenSource keep a
// token until 10 s before it expires, and would not notice that it was revoked or that
// the secret was rotated.
type TokenSource struct {
	// Answerer supplies the credentials: a helper, or a connector's client.
	Answerer protocol.Answerer
	// Request says what to request: a profile, a URL, or a URL narrowed by a profile.
	// Do not set Refresh, which would fetch a token ten times a second.
	Request protocol.Request
	// Now is the clock, with its monotonic reading; nil: time.Now.
	Now func() time.Time

	last atomic.Pointer[answer]

	mu   sync.Mutex
	call *call // nil while no one asks
}

var _ oauth2.TokenSource = (*TokenSource)(nil)

// answer is what the answerer gave. It is immutable, so that readers need no lock.
type answer struct {
	token *oauth2.Token
	since time.Time     // when it was confirmed
	wall  int64         // the same in nanoseconds of the wall clock
	left  time.Duration // remaining lifetime of the token at that time
}

// call is one request to the answerer that other callers wait for.
type call struct {
	done  chan struct{} // closed when token and err are set
	token *oauth2.Token
	err   error
}

// Token implements oauth2.TokenSource. The token does not expire at once; it is shared
// and must not be changed. An error wraps a sentinel of package protocol. The answerer
// limits the time it takes (8 s).
func (s *TokenSource) Token() (*oauth2.Token, error) {
	// Read the clock after the answer, so that it was not confirmed in the future.
	if a := s.last.Load(); a != nil && a.good(s.now(), trustTime) {
		return a.token, nil
	}
	return s.share()
}

// good reports whether a was confirmed less than within ago and has not expired. Both
// clocks must agree: the monotonic one stops while a machine is suspended, and the wall
// clock jumps when it is set.
func (a *answer) good(now time.Time, within time.Duration) bool {
	return a.within(now.Sub(a.since), time.Duration(now.UnixNano()-a.wall), within)
}

func (a *answer) within(monotonic, wall, limit time.Duration) bool {
	limit = min(limit, a.left)
	return 0 <= monotonic && monotonic < limit && 0 <= wall && wall < limit
}

// share lets one caller ask. The others use a token that was confirmed a moment ago, or
// wait for the answer.
func (s *TokenSource) share() (*oauth2.Token, error) {
	s.mu.Lock()
	within := trustTime
	if s.call != nil {
		within = graceTime
	}
	if a := s.last.Load(); a != nil && a.good(s.now(), within) {
		s.mu.Unlock()
		return a.token, nil
	}
	c := s.call
	if c != nil {
		s.mu.Unlock()
		<-c.done
		return c.token, c.err
	}
	c = &call{done: make(chan struct{}), err: errors.New("no bearer token: the answerer did not return")}
	s.call = c
	s.mu.Unlock()

	defer func() { // even after a panic: no one must wait forever
		s.mu.Lock()
		s.call = nil
		s.mu.Unlock()
		close(c.done)
	}()
	c.token, c.err = s.ask()
	return c.token, c.err
}

// ask asks the answerer and keeps its answer. After a failure nothing is kept, because
// the sign-in may have ended.
func (s *TokenSource) ask() (*oauth2.Token, error) {
	r := s.Request
	r.Verb, r.Refresh = protocol.Get, false
	c, now, err := get(context.Background(), s.Answerer, r, s.now)
	// oauth2 always writes "Authorization: SCHEME TOKEN".
	if err == nil && (c.Header != "" || c.Scheme == "") {
		err = of(c, protocol.ErrPolicy, "an oauth2 token cannot say in which header it travels; take bearer.Transport")
	}
	if err != nil {
		s.last.Store(nil)
		return nil, noToken(err)
	}
	end := time.Unix(c.Expires, 0)
	a := &answer{
		token: &oauth2.Token{AccessToken: c.Secret.Reveal(), TokenType: c.Scheme, Expiry: end},
		since: now,
		wall:  now.UnixNano(),
		left:  end.Sub(now),
	}
	s.last.Store(a)
	return a.token, nil
}

func (s *TokenSource) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
