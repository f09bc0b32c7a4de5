package helper

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestResult is the result of a test, as far as it came.
type TestResult struct {
	Profile  string
	TokenURL string
	Life     time.Duration // remaining lifetime of the token; 0 if there is none
	Tries    int           // requests for the token
	Skew     time.Duration // server's clock less ours; 0 if unknown
	Scope    string
	Issued   string   // issued_token_type, if the server says one (RFC 8693 2.2.1)
	Warnings []string // one line each, no secrets

	server.ProbeResult

	token *oauth.Token // for Keep
}

// Try requests a token with the given secret, which is not stored, and asks the API
// which account it belongs to; Keep caches the token later. It neither reads nor writes
// the cache, and ignores marks, because a person asked. Errors of the probe are
// protocol.ErrProbe; those of the token endpoint are the same as Get's.
func (h *Helper) Try(ctx context.Context, p *config.Profile, s secret.Text) (TestResult, error) {
	token, err := h.token(ctx, p, s)
	if err != nil {
		err = failure.Token(p, err)
		h.logFailure(logfile.Record{Profile: p.Name}, err)
		return untested(p), err
	}
	return h.tested(ctx, p, token)
}

// untested is the result of a test that has no token yet.
func untested(p *config.Profile) TestResult {
	return TestResult{Profile: p.Name, TokenURL: p.TokenURL, ProbeResult: server.ProbeResult{ProbeURL: p.ProbeURL()}}
}

// tested asks the API which account a token belongs to.
func (h *Helper) tested(ctx context.Context, p *config.Profile, token *oauth.Token) (t TestResult, err error) {
	t = untested(p)
	t.Life, t.Tries, t.Skew, t.Scope = token.Expires.Sub(h.now()), token.Tries, token.Skew, printable.Value(token.Scope)
	if t.Warnings = token.Warnings; token.EndsEarly() != "" {
		t.Warnings = append(slices.Clone(t.Warnings), token.EndsEarly())
	}
	t.Issued, t.token = printable.Value(token.Issued), token
	t.ProbeResult, err = h.Probe(ctx, p, token.Access)
	return t, err
}

// Identify asks the API which account a new token belongs to, and logs it.
func (h *Helper) Identify(ctx context.Context, p *config.Profile, token *oauth.Token) (TestResult, error) {
	t, err := h.tested(ctx, p, token)
	h.logIdentity(t)
	return t, err
}

// logIdentity records whom the API called the account of a profile's token, for a person.
func (h *Helper) logIdentity(t TestResult) {
	if t.Identity != "" {
		h.log(logfile.Record{Event: eventIdentity, Profile: t.Profile, Text: t.Identity})
	}
}

// Keep caches the token of a Try, once its secret and profile are stored, so that the
// first tool causes no second request. Errors are ignored.
func (h *Helper) Keep(ctx context.Context, t TestResult) {
	if t.token == nil || h.config.NoStore {
		return
	}
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return
	}
	defer store.Close()
	lock, err := store.TryLock(t.Profile)
	if err != nil {
		return
	}
	defer lock.Unlock()
	h.keepToken(ctx, lock, t.Profile, t.token)
	h.logIdentity(t)
}

// keepToken caches a token that was requested to verify the profile's secret.
func (h *Helper) keepToken(ctx context.Context, lock *cache.Lock, profile string, token *oauth.Token) {
	q, err := h.newQuery(ctx, protocol.Request{Verb: protocol.Get, Profile: profile})
	if err != nil {
		return
	}
	defer q.close()
	q.shareLocked(ctx, token)
	q.keepLocked(ctx, lock, token)
	q.log(q.ofFetch(token))
}

// Test is Try with the stored secret. It contacts the server even if a token is cached
// or a mark holds, caches the new token, and removes the mark if it succeeds.
func (h *Helper) Test(ctx context.Context, name string) (TestResult, error) {
	p, err := h.Profile(name)
	if err != nil {
		return TestResult{Profile: name}, err
	}
	q, err := h.newQuery(ctx, protocol.Request{Verb: protocol.Get, Profile: name})
	if err != nil {
		return untested(p), err
	}
	defer q.close()
	token, err := q.renew(ctx)
	if err != nil {
		h.logFailure(q.record(""), err)
		return untested(p), err
	}
	return h.Identify(ctx, p, token)
}

// renew fetches a token regardless of cache and mark, under the lock.
func (q *query) renew(ctx context.Context) (*oauth.Token, error) {
	limit := cmp.Or(q.profile.Timeout, server.AnswerTime)
	q.setTimeLimit(limit)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if q.store == nil && q.profile.Interactive() {
		return nil, unlockable(q.profile)
	}
	if q.profile.Pool.Reader {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + q.profile.Name + ": this host is a reader of pool " + q.profile.Pool.Name + ", and asks no server",
			Hint: "its token: credhelper token " + q.profile.Name}
	}
	lock, err := q.lock(ctx, false)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	s, err := q.readProof(ctx)
	if err != nil {
		return nil, err
	}
	token, err := q.askServer(ctx, s)
	if err != nil {
		return nil, err
	}
	q.shareLocked(ctx, token)
	q.keepLocked(ctx, lock, token)
	return token, q.logUse(q.ofFetch(token))
}
