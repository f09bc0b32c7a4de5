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

	Changes []Change // what the profile says and the secret was not stored for
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
	Since   time.Time     // when that was
	Reason  string        // what the server said
}

// Status tells how the named profiles stand, or all.
func (h *Helper) Status(ctx context.Context, names ...string) ([]Status, error) {
	if len(names) == 0 {
		var err error
		if names, err = h.ProfileNames(); err != nil {
			return nil, err
		}
	}
	store, err := h.cacheStore()
	if err != nil {
		return nil, err
	}
	if store != nil {
		defer store.Close()
	}
	list := make([]Status, len(names))
	r, unusable := h.resolver()
	var down error // a keyring that does not answer is not asked for each profile
	for i, name := range names {
		if unusable != nil {
			list[i] = Status{Profile: name, Err: unusable}
			continue
		}
		list[i] = h.status(ctx, r, store, name, down)
		if errors.Is(list[i].SecretErr, protocol.ErrLocked) {
			down = list[i].SecretErr
		}
	}
	return list, nil
}

func (h *Helper) status(ctx context.Context, r *resolver, store *cache.Store, name string, down error) Status {
	s := Status{Profile: name}
	p, err := r.read(name)
	if err != nil {
		s.Err = err
		return s
	}
	s.System, s.Source = p.system(), p.Secret[0]
	s.Token = h.tokenStatus(store, p)
	if !p.NeedsSecret() {
		s.Source = ""
	}
	if p.Person() && down == nil {
		if s.SignedIn, down = h.signedIn(ctx, p); errors.Is(down, protocol.ErrLogin) {
			s.SecretErr = down
			return s
		}
	}
	if !p.InKeyring() {
		s.SecretExpires = p.SecretExpires
	}
	if s.SecretErr = down; !p.InKeyring() || !p.NeedsSecret() || down != nil {
		s.CertificateExpires = h.certificateEnd(ctx, p, secret.Text{})
		return s
	}
	e, err := h.envelope(ctx, p)
	if err != nil {
		s.SecretErr = err
		return s
	}
	s.SecretCreated, s.SecretExpires, s.Changes = e.current.created, p.endOf(e.current), p.changes(e.bound)
	s.HasPrevious, s.RolledBack = !e.previous.secret.IsZero(), e.rolledBack
	s.CertificateExpires = h.certificateEnd(ctx, p, e.current.secret)
	return s
}

func (h *Helper) tokenStatus(store *cache.Store, p *Profile) (t TokenStatus) {
	if store == nil {
		return t
	}
	q := &query{Helper: h, profile: p, store: store}
	q.identify()
	if m, holds := q.mark(); holds {
		t.Wait, t.Refused = time.Unix(m.Until, 0).Sub(h.now()), m.Refused
		if t.Over = untilSignedIn(m); t.Over {
			t.Wait = 0
		}
		t.Since, t.Reason = time.Unix(m.At, 0).UTC(), m.Reason
	}
	if e := q.cached(); e != nil {
		t.Issued, t.Expires = time.Unix(e.Issued, 0).UTC(), time.Unix(e.Expires, 0).UTC()
		t.Life, t.Left = t.Expires.Sub(t.Issued), max(t.Expires.Sub(h.now()), 0)
		t.Cached = e.Usable(h.clock(), 0)
	}
	return t
}

// Explanation says which profile answers for a URL, and why no other.
type Explanation struct {
	URL     string
	Owner   string // profile; "" if none
	Origin  string // of the owner, that the URL belongs to
	Err     error  // why there is no owner; nil if there is one
	Also    []OtherClaim
	Token   TokenStatus
	Skipped []error // files that are no profiles
}

// OtherClaim is an origin that does not get the URL, and why.
type OtherClaim struct {
	Profile string
	Origin  string
	Reason  string // "" if it claims the URL too, less specifically
	Rule    string // of the security promises, "O1" to "O12"
	Host    bool   // it is on the URL's host
}

// Explain says what Match decides for a URL as a tool or a person wrote it, and
// compiles that host's routes anew.
func (h *Helper) Explain(address string) Explanation {
	x := Explanation{URL: printable.Value(address)}
	u, reason := origin.ParseURL(address)
	if reason != origin.Release {
		x.Err = &protocol.Error{Kind: protocol.ErrPolicy, Text: "not a URL that a token is given for: " + reason.String() + " (" + reason.Rule() + ")",
			Hint: "a URL begins with https:// and a host; a profile's origins are shown by credhelper show NAME"}
		return x
	}
	x.URL = u.String() + printable.Value(u.Path())
	stamps := h.stamps()
	all, broken := h.load()
	for _, b := range broken {
		x.Skipped = append(x.Skipped, b.err)
	}
	claims := claimsOf(all)
	owner, err := choose(claims, u, "")
	if err != nil {
		x.Err = blame(err, broken, u)
	} else {
		x.Owner, x.Origin = owner.profile.Name, owner.origin.String()
	}
	for _, c := range claims {
		if err == nil && c == owner {
			continue
		}
		r := c.origin.Match(u)
		other := OtherClaim{Profile: c.profile.Name, Origin: c.origin.String(), Host: c.origin.Host() == u.Host()}
		if r != origin.Release {
			other.Reason, other.Rule = r.String(), r.Rule()
		}
		if other.Host || r != origin.Host {
			x.Also = append(x.Also, other)
		}
	}
	if store, e := h.cacheStore(); e == nil && store != nil {
		defer store.Close()
		q := &query{Helper: h, store: store}
		q.compileRoutes(claims, u, stamps)
		if err == nil {
			x.Token = h.tokenStatus(store, owner.profile)
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
			return h.unknownProfile(printable.Value(name))
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
	if err != nil {
		return storeError(err)
	}
	return nil
}

// Lock drops every sealed token and the key that they were sealed with. The
// keyring's own lock is its own.
func (h *Helper) Lock(ctx context.Context) error {
	store, err := h.formerStore()
	if err != nil || store == nil {
		return err
	}
	defer store.Close()
	if err := errors.Join(store.ForgetKey(ctx), store.DropAll()); err != nil {
		return storeError(err)
	}
	return nil
}
