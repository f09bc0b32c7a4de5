package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// query is one request on its way to an answer, with the profile that gives it.
type query struct {
	*Helper
	request  protocol.Request
	profile  *config.Profile
	origin   string // of the profile, that the request's URL belongs to
	binding  [32]byte
	subject  cache.Subject // on whose behalf; nil: the profile's own
	known    bool          // the subject could be read
	settings config.Settings
	store    *cache.Store // nil with NoStore, and where nothing can be written
	seen     *cache.Entry // that the request found first; nil for none

	claims *config.Claims // of all profiles; nil where a route led to this one

	began  time.Time
	flight *flight // that this request leads, if it does
	ahead  bool    // it fetches while there is a token that is still good
}

// Get answers a request (house rules: one fetch for all processes, a deadline of
// 8 s from the process's start, no prompt). Its errors wrap a sentinel of package
// protocol and are one line.
func (h *Helper) Get(ctx context.Context, r protocol.Request) (protocol.Credential, error) {
	if c, ok := h.Cached(r); ok {
		return c, nil
	}
	caller := ctx
	ctx, cancel := h.deadline(caller, h.asked(r))
	defer cancel()
	began := h.now()
	found, ok, end := h.gather(ctx, r)
	if ok {
		return found, nil
	}
	defer end()
	q, err := h.newQuery(r)
	if err != nil {
		if !errors.Is(err, protocol.ErrNoProfile) { // tools ask about every host there is
			h.logFailure(recordOf(r), err)
		}
		return protocol.Credential{}, err
	}
	defer q.close()
	q.began = began
	if own := q.profile.Timeout; own > 0 && h.asked(r) == 0 { // said by the profile
		h.patience(own)
		ctx, cancel = h.deadline(caller, own)
		defer cancel()
	}
	c, err := q.answer(ctx)
	if err != nil {
		h.logFailure(q.record(""), err)
		err = q.lastWord(err)
	}
	return c, err
}

// newQuery finds the profile and opens the cache. Who owns nothing makes nothing: the
// cache is only made for a profile that answers.
func (h *Helper) newQuery(r protocol.Request) (*query, error) {
	q := &query{Helper: h, request: r}
	var err, unsafe error
	if q.settings, err = h.Settings(); err != nil {
		return nil, err
	}
	q.store, unsafe = h.cacheStore()
	err = q.find()
	if err == nil && q.store == nil && !h.config.NoStore {
		if err = unsafe; err == nil {
			if q.store, err = cache.Create(h.config.Dirs); readOnly(err) {
				q.unwritten(err)
				err = nil
			} else if err != nil {
				err = storeError(err)
			}
		}
	}
	if err != nil {
		q.close()
		return nil, err
	}
	q.identify()
	if asked := h.asked(r); asked > 0 {
		own := *q.profile
		q.profile, own.Timeout = &own, asked
	}
	q.keepRoutes()
	return q, nil
}

// close closes the cache, once nobody uses it any more: the fetch that this request
// leads goes on when its caller has gone.
func (q *query) close() {
	if q.store == nil {
		return
	}
	if q.flight != nil {
		select {
		case <-q.flight.done:
		default:
			go func() { <-q.flight.done; q.store.Close() }()
			return
		}
	}
	q.store.Close()
}

// find sets the profile that answers, and the origin of it that the URL belongs
// to.
func (q *query) find() (err error) {
	r := q.request
	switch {
	case r.Profile == "" && r.URL == (origin.URL{}):
		return malformed("the request names neither a URL nor a profile")
	case r.Profile == "":
		return q.findOwner()
	}
	if q.profile, err = q.Profile(r.Profile); err != nil {
		return err
	}
	if r.URL == (origin.URL{}) {
		if len(q.profile.Origins) > 0 {
			q.origin = q.profile.Origins[0].String()
		}
		return nil
	}
	q.origin, err = q.profile.Owns(r.URL)
	return err
}

// findOwner finds the profile that owns the URL. A route that still holds spares
// the reading of every other profile.
func (q *query) findOwner() error {
	u := q.request.URL
	if q.store != nil {
		if name := q.store.Owner(u); name != "" {
			if p, err := q.Profile(name); err == nil {
				if q.origin, err = p.Owns(u); err == nil {
					q.profile = p
					return nil
				}
			}
		}
	}
	q.claims = q.Claims()
	var err error
	q.profile, q.origin, err = q.claims.Owner(u, q.request.Username)
	return err
}

// answer is steps 6 to 10 of a request: cache, lock, cache again, fetch.
func (q *query) answer(ctx context.Context) (protocol.Credential, error) {
	q.hear(ctx)
	if err := q.blocked(); err != nil {
		return q.instead(err)
	}
	if q.store == nil {
		return q.fetch(ctx, nil, nil)
	}
	q.seen = q.cached()
	if c, ok := q.serves(q.seen); ok {
		q.restamp(ctx, q.seen)
		return c, nil
	}
	c, err := q.fetchLocked(ctx, q.seen, !q.request.Refresh && q.seen != nil && q.usable(q.seen))
	if err != nil {
		return q.instead(err)
	}
	return c, nil
}

// cached is the entry that belongs to the profile as it is now, if its token was
// not the one that the tool saw refused; else nil.
func (q *query) cached() *cache.Entry {
	if !q.known {
		return nil
	}
	e, err := q.store.Get(q.profile.Name, q.subject)
	if err != nil || e.Binding != q.binding || q.request.Refuses(e.Token) ||
		!secret.ValidToken(e.Token.Reveal(), q.profile.WideToken) {
		return nil
	}
	return e
}

// serves is the answer that an entry has without anybody asking the server. Another
// token than the one that the request began with is as new as one that is asked for.
func (q *query) serves(e *cache.Entry) (protocol.Credential, bool) {
	if e == nil {
		return protocol.Credential{}, false
	}
	r := q.request
	r.MinTTL = q.minTTL(e)
	r.Refresh = r.Refresh && q.seen != nil && e.Token.Equal(q.seen.Token)
	if _, ok := e.Answer(r, q.clock()); !ok {
		return protocol.Credential{}, false
	}
	return q.hit(e), true
}

// usable reports whether an entry may still be handed out while somebody asks the server.
func (q *query) usable(e *cache.Entry) bool { return e.Usable(q.clock(), q.minTTL(e)) }

// minTTL is how long the token must live: what the tool or the profile wants,
// but no more than the server gives. Otherwise each call would be a fetch.
func (q *query) minTTL(e *cache.Entry) int64 {
	want := q.request.MinTTL
	if want <= 0 {
		want = int64(q.profile.MinTTL / time.Second)
	}
	return min(want, most(e.Issued, e.Expires))
}

// most is the longest rest of life that a token of this life can be asked for.
func most(issued, expires int64) int64 { return (expires - issued) * 9 / 10 }

// lock takes the profile's lock. nil without an error means that the file system
// has no working locks: then the worst is a double fetch (F17).
func (q *query) lock(ctx context.Context, try bool) (*cache.Lock, error) {
	var lock *cache.Lock
	var err error
	if try {
		lock, err = q.store.TryLock(q.profile.Name)
	} else {
		wait, cancel := withReserve(ctx)
		defer cancel()
		lock, err = q.store.Lock(wait, q.profile.Name)
	}
	if err == nil || errors.Is(err, cache.ErrLocked) {
		return lock, err
	}
	if errors.Is(err, cache.ErrUnsafe) {
		return nil, storeError(err)
	}
	if readOnly(err) {
		q.unwritten(err)
		return nil, nil
	}
	q.report("profile " + q.profile.Name + ": no lock: " + printable.Line(err.Error()))
	return nil, nil
}

// unwritten says that nothing can be kept here, as in an image: the token is given
// all the same, as on a full disk (F2).
func (q *query) unwritten(err error) {
	q.report("nothing is cached, each call asks the server: " + printable.Line(err.Error()))
}

func (q *query) busy() error { return busy(q.profile.Name) }

func busy(profile string) error {
	return &protocol.Error{
		Kind: protocol.ErrBusy,
		Text: "profile " + profile + ": another process has been asking for its token for too long",
		Hint: "try again; see who holds the lock: credhelper doctor",
	}
}

// hit is the answer from the cache.
func (q *query) hit(e *cache.Entry) protocol.Credential {
	if q.settings.Audit == auditAll {
		q.log(q.record(eventHit).ofToken(q.Helper, e.Token, e.Expires))
	}
	c := e.Credential(q.clock())
	c.Origin = q.origin
	return c
}

// restamp seals the entry anew when files behind it changed and what they say
// about the token did not, so that the front can answer again. It is worth no
// wait.
func (q *query) restamp(ctx context.Context, e *cache.Entry) {
	_, r := q.current()
	rejected := r.Block(q.now().Unix())
	if e.Current() && e.Audit == (q.settings.Audit == auditAll) && e.Rejected == rejected && q.findable(e) || q.profile.Stamps == nil {
		return
	}
	lock, err := q.store.TryLock(q.profile.Name)
	if err != nil {
		return
	}
	defer lock.Unlock()
	now, err := q.store.Get(q.profile.Name, q.subject)
	if err != nil || !now.Token.Equal(e.Token) {
		return
	}
	entry := q.entry(e.Token, e.Issued, e.Expires)
	entry.BootedAt, entry.Rejected = e.BootedAt, rejected
	_ = q.store.Put(ctx, lock, entry)
}

// findable reports whether the front finds this entry for this call.
func (q *query) findable(e *cache.Entry) bool {
	if q.subject == nil {
		return true
	}
	found, err := q.store.Find(q.profile.Name, q.env)
	return err == nil && found.Token.Equal(e.Token)
}

// entry is what is sealed for a token.
func (q *query) entry(token secret.Text, issued, expires int64) *cache.Entry {
	p := q.profile
	e := &cache.Entry{
		Profile:   p.Name,
		Subject:   q.subject,
		Binding:   q.binding,
		Token:     token,
		Wide:      p.WideToken,
		Audit:     q.settings.Audit == auditAll,
		Username:  p.Username,
		Header:    p.Header,
		Scheme:    p.Scheme,
		BaseURL:   p.URL,
		Origins:   p.OriginTexts(),
		RefreshOn: p.RefreshOn,
		Issued:    issued,
		Expires:   expires,
		BootedAt:  q.clock().BootedAt,
	}
	// The front knows no profile's min_ttl, only when to ask the engine.
	want := min(int64(p.MinTTL/time.Second), most(issued, expires))
	e.Refresh = min(cache.RefreshTime(issued, expires), expires-want)
	e.Stamps = p.Stamps
	return e
}

// Forget drops the token that a tool saw refused, if it is the current one;
// whichever is cached, if the tool named none (cargo logout, terraform forget), unless
// it is younger than a minute.
func (h *Helper) Forget(ctx context.Context, r protocol.Request) error {
	ctx, cancel := h.deadline(ctx, h.asked(r))
	defer cancel()
	if h.config.NoStore {
		return nil
	}
	q, err := h.newQuery(r)
	if err != nil {
		return err
	}
	defer q.close()
	// Also where another process has replaced the token by now: who asks next must
	// not get the refused one out of this one's memory.
	defer q.memory.clear()
	if q.store == nil { // nothing can be kept here
		return nil
	}
	if !q.request.Reports() {
		current, rejections := q.current()
		logout := q.logout(current)
		q.request.RefusedCurrent = true
		if logout && q.early(current, rejections) {
			return nil
		}
	}
	q.hear(ctx)
	for {
		e, err := q.store.Get(q.profile.Name, q.subject)
		if err != nil || !q.request.Refuses(e.Token) {
			return nil
		}
		f, mine := h.flights.start(q.profile.Name)
		if mine {
			defer func() { h.flights.end(q.profile.Name, f, q.now()) }()
			return q.drop(ctx)
		}
		if !q.waitFor(ctx, f) {
			return q.busy()
		}
	}
}

// drop removes the entry under the lock, if it still is the one reported.
func (q *query) drop(ctx context.Context) error {
	lock, err := q.lock(ctx, false)
	if errors.Is(err, cache.ErrLocked) {
		return q.busy()
	}
	if err != nil {
		return err
	}
	if lock != nil {
		defer lock.Unlock()
	}
	e, err := q.store.Get(q.profile.Name, q.subject)
	if err != nil || !q.request.Refuses(e.Token) {
		return nil
	}
	q.log(q.record("reject").ofToken(q.Helper, e.Token, e.Expires))
	if err := q.store.Drop(q.profile.Name, q.subject); err != nil {
		return storeError(err)
	}
	return nil
}
