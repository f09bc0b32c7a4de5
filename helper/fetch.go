package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// fetch asks the server for a token and seals it. old is an entry that may still
// be good, or nil; lock is nil where nothing is stored or nothing locks.
func (a *asking) fetch(ctx context.Context, lock *cache.Lock, old *cache.Entry) (protocol.Credential, error) {
	token, err := a.obtain(ctx)
	if err != nil {
		// A token that is still good is better than none (A23).
		if old != nil && old.Usable(a.clock(), 0) {
			a.logFailure(a.record(""), err)
			a.report(err.Error() + "; the cached token is still good for " + span(time.Unix(old.Expires, 0).Sub(a.now())))
			return a.hit(old), nil
		}
		return protocol.Credential{}, err
	}
	for _, w := range token.Warnings {
		a.report("profile " + a.profile.Name + ": " + w)
	}
	expires := token.Expires.Unix()
	a.keep(ctx, lock, token)
	a.log(a.record("fetch").ofToken(a.Helper, token.Access, expires).tries(token.Tries))
	return a.credential(token.Access, expires, "network"), nil
}

// keep seals the token. It was obtained, so it is answered whatever happens to
// the copy (F2).
func (a *asking) keep(ctx context.Context, lock *cache.Lock, token *oauth.Token) {
	if a.store == nil {
		return
	}
	if _, marked := a.store.Mark(a.profile.Name); marked {
		_ = a.store.DropMark(a.profile.Name)
	}
	a.store.Sweep(a.now()) // what killed processes left (F1)
	if lock == nil {
		return
	}
	entry := a.entry(token.Access, token.Sent.Unix(), token.Expires.Unix())
	if err := a.store.Put(ctx, lock, entry); err != nil {
		a.report("profile " + a.profile.Name + ": the token could not be cached: " + clean(err.Error()))
	}
}

// obtain asks once, unless a mark says that it is too early.
func (a *asking) obtain(ctx context.Context) (*oauth.Token, error) {
	p := a.profile
	mark, marked := a.mark()
	if marked && !mark.Refused {
		return nil, waiting(p, mark, a.now())
	}
	s, err := a.secret(ctx, p)
	if marked && (err != nil && !errors.Is(err, protocol.ErrNoSecret) && !errors.Is(err, protocol.ErrPolicy) ||
		err == nil && mark.Secret == cache.SecretMark(p.Name, s.Reveal())) {
		return nil, waiting(p, mark, a.now())
	}
	if err != nil {
		return nil, err
	}
	return a.once(ctx, s)
}

// once asks the server and remembers a refusal.
func (a *asking) once(ctx context.Context, s secret.Text) (*oauth.Token, error) {
	token, err := a.token(ctx, a.profile, s)
	if err != nil {
		a.remember(err, s)
		return nil, tokenError(a.profile, err)
	}
	return token, nil
}

// token asks the server with the given secret.
func (h *Helper) token(ctx context.Context, p *Profile, s secret.Text) (*oauth.Token, error) {
	connection, err := h.connection(p)
	if err != nil {
		return nil, err
	}
	client := p.client()
	client.Secret, client.HTTP, client.Now = s, connection, h.config.Now
	return client.Token(ctx)
}

// mark is a mark that still holds: of the profile as it is now, and believable by
// the clock (A21).
func (a *asking) mark() (cache.Mark, bool) {
	if a.store == nil {
		return cache.Mark{}, false
	}
	m, found := a.store.Mark(a.profile.Name)
	now := a.now().Unix()
	if !found || m.Binding != a.binding || now >= m.Until || now < m.At-2 {
		return cache.Mark{}, false
	}
	return m, true
}

// longestHold bounds the growing wait after refusals: a cron loop with a bad
// secret makes a handful of requests an hour, and a mended account is noticed
// within a quarter of one.
const longestHold = 15 * time.Minute

// remember writes down a refusal (A12) or a wait that the server asked for (A11),
// for every later call of every process.
func (a *asking) remember(err error, s secret.Text) {
	var e *oauth.Error
	if !errors.As(err, &e) || a.store == nil || e.Hold() == 0 {
		return
	}
	now := a.now()
	m := cache.Mark{
		Binding: a.binding,
		At:      now.Unix(),
		Count:   1,
		Refused: e.Kind == oauth.Refused,
		Reason:  e.Error(),
	}
	hold := e.Hold()
	if m.Refused {
		m.Secret = cache.SecretMark(a.profile.Name, s.Reveal())
		last, found := a.store.Mark(a.profile.Name)
		if found && last.Refused && last.Binding == m.Binding && last.Secret == m.Secret {
			m.Count = min(last.Count+1, 100)
		}
		grown := min(hold<<min(m.Count-1, 10), longestHold)
		hold = max(grown, e.RetryAfter)
	}
	m.Until = now.Add(hold).Unix()
	if err := a.store.PutMark(a.profile.Name, m); err != nil {
		a.report("profile " + a.profile.Name + ": the refusal could not be written down: " + clean(err.Error()))
	}
}
