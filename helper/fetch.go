package helper

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pools"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// fetchLocked requests a token from the server, unless a mark says that it is too
// early. lock is nil with NoStore, and on a file system without locks. Renewing a
// sign-in requires a lock, because two concurrent renewals would end it.
func (q *query) fetchLocked(ctx context.Context, lock *cache.Lock) (*oauth.Token, error) {
	if q.flight != nil {
		q.flight.asked = true
	}
	if lock == nil && q.profile.Interactive() {
		return nil, unlockable(q.profile)
	}
	mark, marked := q.mark()
	if marked && !mark.Refused {
		if !q.request.Refresh && (q.ahead || !mark.Ahead) { // a person does not wait
			return nil, waiting(q.profile, mark, q.now())
		}
		marked = false
	}
	proof, err := q.readProof(ctx)
	if marked && (err != nil && !errors.Is(err, protocol.ErrNoSecret) && !errors.Is(err, protocol.ErrPolicy) && !errors.Is(err, protocol.ErrLogin) ||
		err == nil && proof.marked(q.profile.Name, mark)) {
		return nil, waiting(q.profile, mark, q.now())
	}
	if err != nil {
		return nil, err
	}
	token, err := q.askServer(ctx, proof)
	if err != nil {
		return nil, err
	}
	for _, w := range token.Warnings {
		q.report("profile " + q.profile.Name + ": " + w)
	}
	return token, nil
}

// unlockable returns the error for a sign-in on a file system without locks.
func unlockable(p *config.Profile) error {
	return protocol.Policy("profile " + p.Name + ": a sign-in can only be renewed where its state can be stored and locked")
}

// fetched returns the answer with a new token.
func (q *query) fetched(token *oauth.Token) protocol.Credential {
	c := q.newEntry(token.Access, token.Sent.Unix(), token.Expires.Unix()).Credential(q.clock())
	if c.Origin, c.Source = q.origin, fromNetwork; q.fromPool != nil && !q.fromPool.Fetched {
		c.Source = fromPool
	}
	return c
}

// insteadOfFailure returns the answer if no token could be fetched: one that is still
// valid is better than none (A23). old may be nil.
func (q *query) insteadOfFailure(ctx context.Context, lock *cache.Lock, old *cache.Entry, cause error) (protocol.Credential, error) {
	if q.renews || old == nil || !old.Usable(q.clock(), 0) {
		return protocol.Credential{}, cause
	}
	good := "the cached token is still good for " + failure.Span(time.Unix(old.Expires, 0).Sub(q.now()))
	if q.request.Anew {
		return protocol.Credential{}, protocol.About(good+" (--or-cached gives it), but there is no new one", cause, "")
	}
	if errors.As(cause, new(*pools.Busy)) {
		q.putOffLocked(ctx, lock, old)
		return q.hit(old)
	}
	q.leaveAlone(cause)
	line := q.ofToken(q.record(""), old.Token, old.Expires)
	line.Source = fromCache
	q.logFailure(line, cause)
	q.report(cause.Error() + "; " + good)
	return q.hit(old)
}

// putOffLocked seals the entry again, so that the next calls do not ask the pool for some
// seconds: another host asks the server.
func (q *query) putOffLocked(ctx context.Context, lock *cache.Lock, e *cache.Entry) {
	const later = 3 // seconds
	if e == nil || lock == nil || !q.stillSame() {
		return
	}
	e.Refresh = min(q.now().Unix()+later, e.Expires)
	_ = q.store.Put(ctx, lock, e)
}

// keepLocked seals a new token. The token is given even if that fails (F2). lock is nil
// with NoStore, and on a file system without locks.
func (q *query) keepLocked(ctx context.Context, lock *cache.Lock, token *oauth.Token) {
	if q.store == nil {
		return
	}
	if _, marked := q.store.Mark(q.profile.Name); marked {
		_ = q.store.DropMark(q.profile.Name)
	}
	q.store.Sweep(q.now()) // files left by killed processes (F1)
	if q.fromPool != nil {
		q.records().KeepLocked(ctx, *q.fromPool, q.now().Unix(), token.Expires.Unix())
	}
	entry := q.newEntry(token.Access, token.Sent.Unix(), token.Expires.Unix())
	if lock == nil || !q.stillSame() {
		q.noteUncachedLocked(entry)
		return
	}
	err := q.store.Put(ctx, lock, entry)
	if err == nil {
		err = q.store.DropRejections(q.item)
	} else {
		q.noteUncachedLocked(entry)
	}
	if err != nil {
		q.report("profile " + q.profile.Name + ": the token could not be cached: " + printable.Line(err.Error()))
	}
}

// proof is the client's secret or key, and the refresh token of a sign-in, for one
// request.
type proof struct {
	secret, refresh secret.Text
	subject         cache.Subject
	expires         time.Time // of the secret; zero if unknown
	proxy           string    // the proxy's credential; may be empty
}

// mark identifies the refused secret.
func (s proof) mark(profile string) uint16 {
	text := s.shown()
	for _, p := range s.subject {
		text += string(p.Digest[:])
	}
	return cache.SecretMark(profile, text)
}

// shown is the secret and the refresh token.
func (s proof) shown() string { return s.secret.Reveal() + s.refresh.Reveal() }

// proxyMark identifies the credential that a proxy refused: with another one, or
// without, the server is asked at once.
func (s proof) proxyMark(profile string) uint16 {
	return cache.SecretMark(profile, s.secret.Reveal()+s.refresh.Reveal()+"\x00proxy\x00"+s.proxy)
}

// marked reports whether a mark refers to the current secret.
func (s proof) marked(profile string, m cache.Mark) bool {
	return m.Secret == s.mark(profile) || m.Secret == s.proxyMark(profile)
}

// readProof reads the secrets for a request.
func (q *query) readProof(ctx context.Context) (s proof, err error) {
	s.subject = q.subject
	if q.profile.Interactive() {
		if s.refresh, err = q.refresh(ctx, q.profile); err != nil {
			return s, err
		}
	}
	now, err := q.inUse(ctx, q.profile)
	s.secret, s.expires = now.Text, now.Expires
	if proxy, _ := q.ProxyOf(q.profile); proxy != nil && proxy.User != nil { // if the address cannot be parsed, the request fails
		s.proxy = proxy.User.String()
	}
	return s, err
}

// askServer requests a token and records a refusal.
func (q *query) askServer(ctx context.Context, s proof) (*oauth.Token, error) {
	q.explainFetch(q.profile)
	client, err := q.Client(ctx, q.profile, s.secret)
	if err != nil {
		return nil, err
	}
	var token *oauth.Token
	if q.profile.Interactive() {
		token, err = q.renewSignIn(ctx, client, s.refresh)
	} else {
		token, err = client.Token(ctx)
	}
	if err != nil {
		hold := q.remember(err, s)
		return nil, worthAsking(failure.Token(q.profile, err), hold)
	}
	q.ExplainClock(q.profile, token)
	q.remind(s.expires, client)
	return token, nil
}

// explainFetch says where the next token comes from.
func (h *Helper) explainFetch(p *config.Profile) {
	from := "asks " + p.TokenURL
	switch {
	case p.Token != nil:
		from = "takes the token from " + strings.Join(p.Token[:min(2, len(p.Token))], " ")
	case p.TokenURL == "":
		from = "signs the token"
	}
	h.explain("profile " + p.Name + ": " + from)
}

// token requests a token with the given secret.
func (h *Helper) token(ctx context.Context, p *config.Profile, s secret.Text) (*oauth.Token, error) {
	if p.Interactive() {
		return nil, failure.Login(p, "nobody is signed in")
	}
	h.explainFetch(p)
	client, err := h.Client(ctx, p, s)
	if err != nil {
		return nil, err
	}
	token, err := client.Token(ctx)
	if err == nil {
		h.ExplainClock(p, token)
	}
	return token, err
}

// mark returns a mark that still holds: it matches the current profile, and is credible
// by the clock (A21).
func (q *query) mark() (cache.Mark, bool) {
	if q.store == nil {
		return cache.Mark{}, false
	}
	m, found := q.store.Mark(q.profile.Name)
	now := q.now().Unix()
	if !found || m.Binding != q.whole || now >= m.Until || now < m.At-2 {
		return cache.Mark{}, false
	}
	return m, true
}

// longestHold limits the growing wait after refusals: a cron job with a bad secret
// makes a few requests an hour, and a fixed account is noticed within a quarter of an
// hour.
const longestHold = 15 * time.Minute

// untilLogin is the wait after a sign-in has ended: a dead refresh token never works
// again.
const untilLogin = 10 * 365 * 24 * time.Hour

// untilSignedIn reports whether a mark is that of an ended sign-in.
func untilSignedIn(m cache.Mark) bool { return failure.Seconds(m.Until-m.At) == untilLogin }

// The waits after temporary failures without a time from the server (A3) double from
// laterHold to longestWait. A failure older than forgotten does not count as
// consecutive.
const (
	laterHold   = 5 * time.Second
	longestWait = time.Minute
	forgotten   = 10 * time.Minute
)

// remember records a refusal (A12) or a wait (A11) for every later call of every
// process, and returns its duration.
func (q *query) remember(err error, s proof) time.Duration {
	var e *oauth.Error
	if !errors.As(err, &e) || e.Hold() == 0 {
		return 0
	}
	now := q.now()
	m := cache.Mark{
		Binding: q.whole,
		At:      now.Unix(),
		Refused: e.Kind == oauth.Refused,
		Asked:   e.RetryAfter > 0,
		Reason:  e.Error(), Rotate: e.OfSecret(),
		Hint: printable.Line(q.profile.Hint(e)),
	}
	if m.Refused {
		if m.Secret = s.mark(q.profile.Name); e.Proxy != "" {
			m.Secret = s.proxyMark(q.profile.Name)
		}
	}
	m.Count = q.countOf(m)
	hold := e.Hold()
	switch {
	case m.Refused && q.profile.Interactive() && isDead(err):
		hold = untilLogin // a new refresh token has another mark
	case q.ahead && e.Status == 0: // the server may only have been slow
		m.Ahead, hold = true, grown(laterHold, m.Count, longestWait)
	case m.Refused:
		hold = max(grown(hold, m.Count, longestHold), e.RetryAfter)
	case !m.Asked && e.Status != 0:
		hold = grown(hold, m.Count, longestWait)
	}
	m.Until = m.At + int64((hold+time.Second-1)/time.Second)
	if hold != untilLogin {
		m.Until++ // At was rounded down
	}
	q.putMark(m)
	return hold
}

// leaveAlone keeps all processes from renewing a token early for a moment, after a
// failure; it does not affect other fetches (A23).
func (q *query) leaveAlone(err error) {
	if _, holds := q.mark(); holds {
		return
	}
	m := cache.Mark{Binding: q.whole, At: q.now().Unix(), Ahead: true, Reason: printable.Line(err.Error())}
	m.Count = q.countOf(m)
	m.Until = q.now().Add(grown(laterHold, m.Count, longestWait)).Unix()
	q.putMark(m)
}

// countOf returns the number of consecutive responses of this kind, including this one.
func (q *query) countOf(m cache.Mark) uint16 {
	if q.store == nil {
		return 1
	}
	last, found := q.store.Mark(q.profile.Name)
	same := found && last.Refused == m.Refused && last.Binding == m.Binding && last.Secret == m.Secret
	if q.told != nil { // the hosts of a pool count together
		last, same = *q.told, q.told.Refused == m.Refused
	}
	if !same || !m.Refused && m.At-last.Until > int64(forgotten/time.Second) {
		return 1
	}
	return min(last.Count+1, 100)
}

// grown doubles a wait with each consecutive response.
func grown(hold time.Duration, count uint16, most time.Duration) time.Duration {
	return min(hold<<min(count-1, 10), most)
}

func (q *query) putMark(m cache.Mark) {
	if q.store == nil {
		return
	}
	if err := q.store.PutMark(q.profile.Name, m); err != nil {
		q.report("profile " + q.profile.Name + ": the refusal could not be written down: " + printable.Line(err.Error()))
	}
}

// lastWord marks a failure of the profile after which git should ask no other helper
// (H2): a secret, a sign-in or permissions are missing, which a password cannot
// replace. A locked keyring and an unreachable server are temporary, and meanwhile a
// person may want to use another credential.
func (q *query) lastWord(err error) error {
	var e *protocol.Error
	if !errors.As(err, &e) || !q.profile.GitQuit {
		return err
	}
	for _, kind := range [...]error{protocol.ErrNoSecret, protocol.ErrLogin, protocol.ErrRefused, protocol.ErrBusy} {
		if errors.Is(err, kind) {
			last := *e // the failure may be shared with others
			last.Text, last.Quit = err.Error(), true
			return &last
		}
	}
	return err
}

// worthAsking adds to a failure after how long to ask again, if not at once.
func worthAsking(failure error, hold time.Duration) error {
	if e := new(protocol.Error); errors.As(failure, &e) && hold > 0 && hold != untilLogin {
		e.RetryAfter = int64((hold + time.Second - 1) / time.Second)
	}
	return failure
}

// waiting returns the error while a mark holds: what happened, when, and when the
// server will be asked again.
func waiting(p *config.Profile, m cache.Mark, now time.Time) error {
	return &heldBack{marked(p, m, now)}
}

func marked(p *config.Profile, m cache.Mark, now time.Time) error {
	if untilSignedIn(m) {
		return failure.Login(p, fmt.Sprintf("the sign-in is over; %s ago the server said: %s", failure.Span(failure.Seconds(now.Unix()-m.At)), m.Reason))
	}
	kind, verb, hint := protocol.ErrUnreachable, "failed", "to ask at once: credhelper test "+p.Name
	switch {
	case m.Refused:
		kind, verb = protocol.ErrRefused, "refused"
		if m.Hint != "" {
			hint = m.Hint + "; " + hint
		}
	case m.Asked:
		verb = "asked to wait"
	}
	if p.Pool.Reader {
		hint = "on a keeper of the pool: " + hint
	}
	until := time.Unix(m.Until, 0).UTC()
	text := fmt.Sprintf("profile %s: %s %s ago, not asked again until %sZ (%s); the earlier reason: %s",
		p.Name, verb, failure.Span(failure.Seconds(now.Unix()-m.At)), until.Format(time.TimeOnly), failure.Span(failure.Seconds(m.Until-now.Unix())), m.Reason)
	return &protocol.Error{Kind: kind, Text: printable.Line(text), Hint: printable.Line(hint), RetryAfter: m.Until - now.Unix()}
}
