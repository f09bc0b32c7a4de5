package helper

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/expiry"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Status is how a profile stands, found out without network.
type Status struct {
	Profile string
	System  string // title of the product, or the token endpoint's host
	Err     error  // why the profile cannot be used; then the rest is empty

	Token TokenStatus

	Source        string    // "keyring", or where else the secret comes from
	SecretErr     error     // why the secret cannot be had; nil also if it was not looked at
	SignedIn      time.Time // when the sign-in was last renewed; zero without one
	SecretCreated time.Time // zero if not known
	SecretExpires time.Time // zero if not known
	HasPrevious   bool      // another secret is kept until this one is confirmed
	RolledBack    bool      // that other one is the newer of the two

	CertificateExpires time.Time // of the client's key; zero if there is none

	Changes []config.Change // what the profile says and the secret was not stored for

	Clash error // another profile claims the same, so nobody is answered; looked for only if all are listed
}

// TokenStatus is what the cache knows about a profile's token.
type TokenStatus struct {
	Cached  bool // one that would be answered without network
	Issued  time.Time
	Expires time.Time
	Left    time.Duration
	Life    time.Duration

	Wait    time.Duration // until somebody asks the server again; 0 if nothing is in the way
	Refused bool          // the wait is for a refusal
	Over    bool          // the sign-in is over: nothing is asked until somebody signs in, and Wait is 0
	Reason  string        // what the server said
	Rotate  bool          // another secret may end a refusal

	Pool string    // of the profile; "" for most
	By   string    // the host that fetched the cached token for the pool; "" if it did not come from there
	Lost time.Time // since when the pool's store is lost; zero if it is not
	Stop bool      // without the store this host asks no server
}

// Status returns the state of the named profiles, or of all.
func (h *Helper) Status(ctx context.Context, names ...string) ([]Status, error) {
	all := len(names) == 0
	if all {
		var err error
		if names, err = h.ProfileNames(); err != nil {
			return nil, err
		}
	}
	store, err := h.cacheStore()
	if err != nil {
		return nil, err
	}
	defer store.Close()
	list := make([]Status, len(names))
	i := 0
	var valid []*config.Profile
	down := "" // a profile whose keyring did not answer: it is not asked for each one
	for p, err := range h.EachProfile(names) {
		if list[i] = (Status{Profile: names[i], Err: err}); err == nil {
			list[i] = h.status(ctx, store, p, down)
			valid = append(valid, p)
		}
		if down == "" && errors.Is(list[i].SecretErr, protocol.ErrLocked) {
			down = names[i]
		}
		i++
	}
	if clashes := home.Clashes(valid); all {
		for i := range list {
			list[i].Clash = clashes[list[i].Profile]
		}
	}
	return list, nil
}

func (h *Helper) status(ctx context.Context, store *cache.Store, p *config.Profile, lockedFor string) Status {
	s := Status{Profile: p.Name}
	var down error
	if lockedFor != "" && (p.Interactive() || p.InKeyring() && p.NeedsSecret()) {
		down = &protocol.Error{Kind: protocol.ErrLocked, Text: "profile " + p.Name + ": its secret is in the same keyring as that of " + lockedFor}
	}
	s.System, s.Source = p.System(), p.Secret[0]
	s.Token = h.tokenStatus(store, p)
	if !p.NeedsSecret() {
		s.Source = ""
	}
	if p.Interactive() && down == nil {
		if s.SignedIn, down = h.signedIn(ctx, p); errors.Is(down, protocol.ErrLogin) {
			s.SecretErr = down
			return s
		}
	}
	if !p.InKeyring() {
		s.SecretExpires = p.SecretExpires
	}
	if s.SecretErr = down; !p.InKeyring() || !p.NeedsSecret() || down != nil {
		s.CertificateExpires = h.CertificateEnd(ctx, p, secret.Text{})
		return s
	}
	e, err := h.item(ctx, p)
	if err != nil {
		s.SecretErr = err
		return s
	}
	s.SecretCreated, s.SecretExpires = e.Current.Created, e.Current.End(p)
	s.Changes, _ = p.Changes(e.Bound)
	s.HasPrevious, s.RolledBack = !e.Previous.Text.IsZero(), e.RolledBack
	s.CertificateExpires = h.CertificateEnd(ctx, p, e.Current.Text)
	return s
}

func (h *Helper) tokenStatus(store *cache.Store, p *config.Profile) (t TokenStatus) {
	if store == nil {
		return t
	}
	q := &query{Helper: h, profile: p, store: store}
	q.identify()
	ahead := false
	if m, holds := q.mark(); holds {
		ahead = m.Ahead
		t.Wait, t.Refused = time.Unix(m.Until, 0).Sub(h.now()), m.Refused
		if t.Over = untilSignedIn(m); t.Over {
			t.Wait = 0
		}
		t.Reason, t.Rotate = m.Reason, m.Rotate
	}
	if t.Pool = p.Pool.Name; t.Pool != "" {
		if last, known := q.records().Last(); known && !last.Alone {
			t.By = last.By
		}
		if loss, lost := h.Pools.Loss(t.Pool); lost {
			t.Lost, t.Stop = time.Unix(loss.Since, 0).UTC(), p.Pool.Reader || !p.Pool.Alone
		}
	}
	if e := q.cached(); e != nil {
		t.Issued, t.Expires = time.Unix(e.Issued, 0).UTC(), time.Unix(e.Expires, 0).UTC()
		t.Life, t.Left = t.Expires.Sub(t.Issued), max(t.Expires.Sub(h.now()), 0)
		if t.Cached = e.Usable(h.clock(), 0); t.Cached && !t.Refused && ahead {
			t.Wait = 0 // only the next token waits
		}
	}
	return t
}

// Explanation says which profile answers for a URL, why no other, and how that
// profile's token stands.
type Explanation struct {
	home.Explanation
	Token TokenStatus
}

// Explain says what Match decides for a URL as a tool or a person wrote it, and
// compiles that host's routes anew.
func (h *Helper) Explain(ctx context.Context, address string) (x Explanation) {
	u, reason := origin.ParseURL(address)
	if reason != origin.Release {
		x.Err = &protocol.Error{Kind: protocol.ErrPolicy, Text: "no token is released for this URL: " + reason.String(),
			Hint: "a URL begins with https:// and a host; a profile's origins are shown by credhelper show NAME"}
		return x
	}
	store, _ := h.cacheStore()
	defer store.Close()
	claims, err := h.survey(ctx, store, u)
	if err != nil {
		x.Err = err
		return x
	}
	x.Explanation = claims.Explain(u)
	if store != nil {
		putRoutes(store, claims.Routes(u))
		if owner, err := h.Profile(x.Owner); x.Owner != "" && err == nil {
			x.Token = h.tokenStatus(store, owner)
		}
	}
	return x
}

// ClearCache drops the sealed token, the mark and, for all profiles at once (""),
// the routes. Secrets stay. Copies of the dropped tokens are worthless.
func (h *Helper) ClearCache(ctx context.Context, name string) error {
	store, err := h.formerStore()
	if err != nil || store == nil {
		return err
	}
	defer store.Close()
	names, all := []string{name}, name == ""
	if all {
		store.Sweep(h.now())
		if names, err = h.ProfileNames(); err != nil {
			return err
		}
	}
	for _, name := range names {
		if !protocol.ValidProfile(name) {
			_, _, err := h.ProfileText(name)
			return err
		}
		if all && !store.Holds(name) {
			if _, marked := store.Mark(name); !marked {
				continue
			}
		}
		if err := h.forget(ctx, name, "cache cleared"); err != nil {
			return err
		}
	}
	if all {
		err = store.DropAll()
	}
	return failure.Store(err)
}

// Lock drops every sealed token and the key that they were sealed with. The
// keyring's own lock is its own.
func (h *Helper) Lock(ctx context.Context) error {
	store, err := h.formerStore()
	if err != nil || store == nil {
		return err
	}
	defer store.Close()
	return failure.Store(errors.Join(store.ForgetKey(ctx), store.DropAll()))
}

// Expiry returns the earlier expiry of a profile's secret and certificate.
func (s Status) Expiry() expiry.Date {
	return expiry.Nearer(expiry.Date{What: "secret", At: s.SecretExpires}, expiry.Date{What: "certificate", At: s.CertificateExpires})
}
