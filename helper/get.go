package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// asking is one request on its way.
type asking struct {
	*Helper
	request  protocol.Request
	profile  *Profile
	origin   string // of the profile, that the request's URL belongs to
	binding  [32]byte
	subject  cache.Subject // on whose behalf; nil: the profile's own
	known    bool          // the subject could be read
	settings Settings
	store    *cache.Store // nil with NoStore, and where nothing can be written
	seen     *cache.Entry // that the request found first; nil for none

	claims  []claim    // of all profiles, where no route led to this one
	claimed *stampList // of what the claims were read from

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
	a, err := h.ask(r)
	if err != nil {
		if !errors.Is(err, protocol.ErrNoProfile) { // tools ask about every host there is
			h.logFailure(recordOf(r), err)
		}
		return protocol.Credential{}, err
	}
	defer a.close()
	a.began = began
	if own := a.profile.Timeout; own > 0 && h.asked(r) == 0 { // said by the profile
		h.patience(own)
		ctx, cancel = h.deadline(caller, own)
		defer cancel()
	}
	c, err := a.answer(ctx)
	if err != nil {
		h.logFailure(a.record(""), err)
		err = a.lastWord(err)
	}
	return c, err
}

// ask finds the profile and opens the cache. Who owns nothing makes nothing: the
// cache is only made for a profile that answers.
func (h *Helper) ask(r protocol.Request) (*asking, error) {
	a := &asking{Helper: h, request: r}
	var err, unsafe error
	if a.settings, err = h.Settings(); err != nil {
		return nil, err
	}
	a.store, unsafe = h.cacheStore()
	err = a.find()
	if err == nil && a.store == nil && !h.config.NoStore {
		if err = unsafe; err == nil {
			if a.store, err = cache.Create(h.config.Dirs); readOnly(err) {
				a.unwritten(err)
				err = nil
			} else if err != nil {
				err = storeError(err)
			}
		}
	}
	if err != nil {
		a.close()
		return nil, err
	}
	a.identify()
	if asked := h.asked(r); asked > 0 {
		own := *a.profile
		a.profile, own.Timeout = &own, asked
	}
	a.compileRoutes(a.claims, r.URL, a.claimed)
	return a, nil
}

// close closes the cache, once nobody uses it any more: the fetch that this request
// leads goes on when its caller has gone.
func (a *asking) close() {
	if a.store == nil {
		return
	}
	if a.flight != nil {
		select {
		case <-a.flight.done:
		default:
			go func() { <-a.flight.done; a.store.Close() }()
			return
		}
	}
	a.store.Close()
}

// find sets the profile that answers, and the origin of it that the URL belongs
// to.
func (a *asking) find() (err error) {
	r := a.request
	switch {
	case r.Profile == "" && r.URL == (origin.URL{}):
		return malformed("the request names neither a URL nor a profile")
	case r.Profile == "":
		return a.findOwner()
	}
	if a.profile, err = a.Profile(r.Profile); err != nil {
		return err
	}
	if r.URL == (origin.URL{}) {
		if len(a.profile.Origins) > 0 {
			a.origin = a.profile.Origins[0].String()
		}
		return nil
	}
	a.origin = a.profile.owning(r.URL)
	return a.profile.mustOwn(r.URL)
}

// findOwner finds the profile that owns the URL. A route that still holds spares
// the reading of every other profile.
func (a *asking) findOwner() error {
	u := a.request.URL
	if a.store != nil {
		if name := a.store.Owner(u); name != "" {
			if p, err := a.Profile(name); err == nil && p.owning(u) != "" {
				a.profile, a.origin = p, p.owning(u)
				return nil
			}
		}
	}
	stamps := a.stamps() // before anything is read, so that a change in between shows
	all, broken := a.load()
	claims := claimsOf(all)
	c, err := choose(claims, u, a.request.Username)
	if err != nil {
		return blame(err, broken, u)
	}
	a.profile, a.origin = c.profile, c.origin.String()
	a.claims, a.claimed = claims, stamps
	return nil
}

// answer is steps 6 to 10 of a request: cache, lock, cache again, fetch.
func (a *asking) answer(ctx context.Context) (protocol.Credential, error) {
	a.hear(ctx)
	if err := a.blocked(); err != nil {
		return a.instead(err)
	}
	if a.store == nil {
		return a.fetch(ctx, nil, nil)
	}
	a.seen = a.cached()
	if c, ok := a.serves(a.seen); ok {
		a.restamp(ctx, a.seen)
		return c, nil
	}
	c, err := a.fetchLocked(ctx, a.seen, !a.request.Refresh && a.seen != nil && a.usable(a.seen))
	if err != nil {
		return a.instead(err)
	}
	return c, nil
}

// cached is the entry that belongs to the profile as it is now, if its token was
// not the one that the tool saw refused; else nil.
func (a *asking) cached() *cache.Entry {
	if !a.known {
		return nil
	}
	e, err := a.store.Get(a.profile.Name, a.subject)
	if err != nil || e.Binding != a.binding || a.request.Refuses(e.Token) ||
		!secret.ValidToken(e.Token.Reveal(), a.profile.WideToken) {
		return nil
	}
	return e
}

// serves is the answer that an entry has without anybody asking the server. Another
// token than the one that the request began with is as new as one that is asked for.
func (a *asking) serves(e *cache.Entry) (protocol.Credential, bool) {
	if e == nil {
		return protocol.Credential{}, false
	}
	r := a.request
	r.MinTTL = a.minTTL(e)
	r.Refresh = r.Refresh && a.seen != nil && e.Token.Equal(a.seen.Token)
	if _, ok := e.Answer(r, a.clock()); !ok {
		return protocol.Credential{}, false
	}
	return a.hit(e), true
}

// usable reports whether an entry may still be handed out while somebody asks the server.
func (a *asking) usable(e *cache.Entry) bool { return e.Usable(a.clock(), a.minTTL(e)) }

// minTTL is how long the token must live: what the tool or the profile wants,
// but no more than the server gives. Otherwise each call would be a fetch.
func (a *asking) minTTL(e *cache.Entry) int64 {
	want := a.request.MinTTL
	if want <= 0 {
		want = int64(a.profile.MinTTL / time.Second)
	}
	return min(want, most(e.Issued, e.Expires))
}

// most is the longest rest of life that a token of this life can be asked for.
func most(issued, expires int64) int64 { return (expires - issued) * 9 / 10 }

// lock takes the profile's lock. nil without an error means that the file system
// has no working locks: then the worst is a double fetch (F17).
func (a *asking) lock(ctx context.Context, try bool) (*cache.Lock, error) {
	var lock *cache.Lock
	var err error
	if try {
		lock, err = a.store.TryLock(a.profile.Name)
	} else {
		wait, cancel := withReserve(ctx)
		defer cancel()
		lock, err = a.store.Lock(wait, a.profile.Name)
	}
	if err == nil || errors.Is(err, cache.ErrLocked) {
		return lock, err
	}
	if errors.Is(err, cache.ErrUnsafe) {
		return nil, storeError(err)
	}
	if readOnly(err) {
		a.unwritten(err)
		return nil, nil
	}
	a.report("profile " + a.profile.Name + ": no lock: " + printable.Line(err.Error()))
	return nil, nil
}

// unwritten says that nothing can be kept here, as in an image: the token is given
// all the same, as on a full disk (F2).
func (a *asking) unwritten(err error) {
	a.report("nothing is cached, each call asks the server: " + printable.Line(err.Error()))
}

func (a *asking) busy() error { return busy(a.profile.Name) }

func busy(profile string) error {
	return &protocol.Error{
		Kind: protocol.ErrBusy,
		Text: "profile " + profile + ": another process has been asking for its token for too long",
		Hint: "try again; see who holds the lock: credhelper doctor",
	}
}

// hit is the answer from the cache.
func (a *asking) hit(e *cache.Entry) protocol.Credential {
	if a.settings.Audit == auditAll {
		a.log(a.record(eventHit).ofToken(a.Helper, e.Token, e.Expires))
	}
	c := e.Credential(a.clock())
	c.Origin = a.origin
	return c
}

// restamp seals the entry anew when files behind it changed and what they say
// about the token did not, so that the front can answer again. It is worth no
// wait.
func (a *asking) restamp(ctx context.Context, e *cache.Entry) {
	_, r := a.current()
	rejected := r.Block(a.now().Unix())
	if e.Current() && e.Audit == (a.settings.Audit == auditAll) && e.Rejected == rejected && a.findable(e) || !a.profile.trueStamp {
		return
	}
	lock, err := a.store.TryLock(a.profile.Name)
	if err != nil {
		return
	}
	defer lock.Unlock()
	now, err := a.store.Get(a.profile.Name, a.subject)
	if err != nil || !now.Token.Equal(e.Token) {
		return
	}
	entry := a.entry(e.Token, e.Issued, e.Expires)
	entry.BootedAt, entry.Rejected = e.BootedAt, rejected
	_ = a.store.Put(ctx, lock, entry)
}

// findable reports whether the front finds this entry for this call.
func (a *asking) findable(e *cache.Entry) bool {
	if a.subject == nil {
		return true
	}
	found, err := a.store.Find(a.profile.Name, a.env)
	return err == nil && found.Token.Equal(e.Token)
}

// entry is what is sealed for a token.
func (a *asking) entry(token secret.Text, issued, expires int64) *cache.Entry {
	p := a.profile
	e := &cache.Entry{
		Profile:   p.Name,
		Subject:   a.subject,
		Binding:   a.binding,
		Token:     token,
		Wide:      p.WideToken,
		Audit:     a.settings.Audit == auditAll,
		Username:  p.Username,
		Header:    p.Header,
		Scheme:    p.Scheme,
		BaseURL:   p.URL,
		Origins:   p.OriginTexts(),
		RefreshOn: p.RefreshOn,
		Issued:    issued,
		Expires:   expires,
		BootedAt:  a.clock().BootedAt,
	}
	// The front knows no profile's min_ttl, only when to ask the engine.
	want := min(int64(p.MinTTL/time.Second), most(issued, expires))
	e.Refresh = min(cache.RefreshTime(issued, expires), expires-want)
	if p.trueStamp {
		e.Stamps = p.stamps
	}
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
	a, err := h.ask(r)
	if err != nil {
		return err
	}
	defer a.close()
	// Also where another process has replaced the token by now: who asks next must
	// not get the refused one out of this one's memory.
	defer a.memory.clear()
	if !a.request.Reports() { // a logout, which says nothing of the API
		a.request.RefusedCurrent = true
		if a.store != nil && a.early(a.current()) {
			return nil
		}
	}
	a.hear(ctx)
	for {
		e, err := a.store.Get(a.profile.Name, a.subject)
		if err != nil || !a.request.Refuses(e.Token) {
			return nil
		}
		f, mine := h.flights.start(a.profile.Name)
		if mine {
			defer func() { h.flights.end(a.profile.Name, f, a.now()) }()
			return a.drop(ctx)
		}
		if !a.waitFor(ctx, f) {
			return a.busy()
		}
	}
}

// drop removes the entry under the lock, if it still is the one reported.
func (a *asking) drop(ctx context.Context) error {
	lock, err := a.lock(ctx, false)
	if errors.Is(err, cache.ErrLocked) {
		return a.busy()
	}
	if err != nil {
		return err
	}
	if lock != nil {
		defer lock.Unlock()
	}
	e, err := a.store.Get(a.profile.Name, a.subject)
	if err != nil || !a.request.Refuses(e.Token) {
		return nil
	}
	a.log(a.record("reject").ofToken(a.Helper, e.Token, e.Expires))
	if err := a.store.Drop(a.profile.Name, a.subject); err != nil {
		return storeError(err)
	}
	return nil
}
