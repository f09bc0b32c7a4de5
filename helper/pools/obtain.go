package pools

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Call is one request for a token of a profile with a pool: what the request knows, and
// what it does if this host is the one to ask the server. The caller holds the profile's
// lock, so of the processes of a home one at a time asks the pool.
type Call struct {
	Profile *config.Profile
	Request protocol.Request
	Records Records
	Has     *cache.Entry // the item's token, if the profile is still as it was fetched for; else nil
	Early   *cache.Entry // a token that is still good, if the call only renews it early; else nil
	Renew   bool         // the pool gets a newer token than it has, or the call fails
	// Tested is a token that this host has just fetched to test its secret; nil: none. With
	// Renew the pool gets it, instead of that of Fetch.
	Tested *oauth.Token

	// Secret returns the secret with which this host would ask.
	Secret func(context.Context) (secret.Text, error)
	// Fetch asks the server. told is what that has last told a host about this secret, or
	// anyhow to wait, also if it is over; nil: nothing since its last token. If it fails,
	// Mark returns the failure and the secret that the server refused, if all hosts should
	// know.
	Fetch func(ctx context.Context, told *cache.Mark) (*oauth.Token, error)
	Mark  func(context.Context) (m cache.Mark, refused secret.Text, ok bool)
}

// Hold is the failure of a call that asked no server, because the server has refused
// another host, or told it to wait.
type Hold struct{ Mark cache.Mark }

func (e *Hold) Error() string { return e.Mark.Reason }

// Busy is the failure of a call while another host asks the server.
type Busy struct{ error }

func (e *Busy) Unwrap() error { return e.error }

// Obtain gets a token from the profile's pool, fetched by another host or by this one,
// and what to remember about it.
func (ps *Pools) Obtain(ctx context.Context, c Call) (*oauth.Token, Record, error) {
	p, err := ps.open(ctx, c.Profile.Pool)
	if err != nil {
		return nil, Record{}, failure.About(c.Profile.Name, err, "")
	}
	defer p.Store.Close()
	has, began := c.has(), ps.config.Now()
	if c.Renew {
		p.Alone = false
		has.Number = max(has.Number, newest(ctx, p, c.Profile))
	}
	var own *oauth.Token // fetched by this host
	var told *cache.Mark
	want := pool.Want{
		Digest:  c.Profile.PoolDigest(),
		Have:    has.Number,
		Report:  has.Refused,
		Refused: c.Request.Refused.Token,
		Least:   failure.Seconds(c.Request.MinTTL),
		AtHand:  c.Early != nil,
		Anyway:  c.Request.Refresh || c.Renew,
		Tested:  c.Tested != nil,
		Time:    server.NetworkTime(c.Profile),
		Secret: func() (uint16, bool) {
			s, err := c.Secret(ctx)
			return p.Keys.SecretMark(s), err == nil
		},
		Told: func(m pool.Mark) { mark := ps.markOf(m); told = &mark },
		Fetch: func(ctx context.Context) (pool.Fetched, *pool.Mark, error) {
			token, err := c.Tested, error(nil)
			if token == nil {
				token, err = c.Fetch(ctx, told)
			}
			if err != nil {
				return pool.Fetched{}, ps.markForAll(ctx, c, p.Keys), err
			}
			own = token
			return pool.Fetched{Access: token.Access, Life: min(token.Expires.Sub(token.Sent), token.Expires.Sub(began))}, nil, nil
		},
	}
	if e := c.Early; e != nil {
		jitter := uint32(ps.config.Jitter(e.Token, 1<<32-1))
		want.AloneFrom = pool.AloneFrom(time.Unix(e.Expires, 0), failure.Seconds(e.Expires-e.Issued), jitter)
	}
	t, err := p.Obtain(ctx, want)
	ps.tellAlone(c, t, err)
	if err != nil {
		return nil, Record{}, ps.refusal(c, err)
	}
	if !t.Fetched {
		own = c.ofOther(t)
	}
	return own, Record{
		Number: t.Number, By: printable.Value(t.By), Mark: protocol.Mark(own.Access), Fingerprint: p.Keys.Fingerprint(own.Access),
		Alone: t.Number == 0, Fetched: t.Fetched,
	}, nil
}

// tellAlone reports why this host asked the server for itself, if it did.
func (ps *Pools) tellAlone(c Call, t pool.Token, err error) {
	what := "fetched a token"
	if err != nil {
		what = "asked in vain"
	}
	if t.Unshared != "" {
		ps.config.Report(c.place() + printable.Line(t.Unshared) + ": this host " + what + " for itself")
	}
}

// newest returns the number of the token that a pool has; 0: there is none.
func newest(ctx context.Context, p *pool.Pool, profile *config.Profile) int64 {
	t, err := p.Obtain(ctx, pool.Want{Digest: profile.PoolDigest(), Anyway: true, AtHand: true, Secret: func() (s uint16, known bool) { return }})
	if err != nil {
		return 0
	}
	return t.Number
}

// has returns the record for a request to the pool: its Number is that of the token that
// this host has, or of one that was refused. If it has none, an equal number will do, but
// no older one.
func (c *Call) has() Record {
	r, known := c.Records.Last()
	if !known || r.Number == 0 {
		return Record{}
	}
	switch {
	case c.Request.Refused.OfMark(r.Mark):
		r.Refused = true
	case r.Refused, c.Has != nil && r.Of(c.Has.Token) && !r.Alone:
	default:
		r.Number--
	}
	return r
}

// ofOther returns a token of another host as one that this host fetched.
func (c *Call) ofOther(t pool.Token) *oauth.Token {
	rest := t.Rest
	if longest := c.Profile.MaxTTL; longest > 0 {
		rest = min(rest, longest-t.Age)
	}
	return &oauth.Token{Access: t.Access, Sent: t.Asked.Add(-t.Age), Expires: t.Asked.Add(rest)}
}

// place begins the texts about a call.
func (c *Call) place() string {
	return "profile " + c.Profile.Name + ": pool " + c.Profile.Pool.Name + ": "
}

// refusal returns the error for a token that the pool does not have.
func (ps *Pools) refusal(c Call, err error) error {
	hold, lost, nobody := new(pool.Hold), new(pool.StoreLost), new(pool.NoKeeper)
	switch {
	case errors.As(err, &hold):
		return &Hold{ps.markOf(hold.Mark)}
	case errors.As(err, &lost):
		text := c.place() + "its store is lost: " + lost.Loss.Text
		if lost.Loss.Until > 0 {
			text += "; not tried again until " + time.Unix(lost.Loss.Until, 0).UTC().Format(time.TimeOnly) + "Z"
		}
		return &protocol.Error{Kind: protocol.ErrUnreachable, Text: printable.Line(text), Hint: "see what is wrong: credhelper doctor " + c.Profile.Name}
	case errors.As(err, &nobody):
		text := "there is no token, and this host only reads"
		if c.Request.Refresh {
			text = "this host is a reader, and a keeper has to fetch a new token: credhelper pool renew " + c.Profile.Name
		}
		hint := "on a keeper of the pool: credhelper pool renew " + c.Profile.Name
		if nobody.Last != "" {
			hint += "; the last one that asked was " + printable.Value(nobody.Last)
		}
		return &protocol.Error{Kind: protocol.ErrUnreachable, Text: c.place() + text, Hint: hint}
	case errors.Is(err, pool.ErrSlow):
		return &Busy{&protocol.Error{Kind: protocol.ErrBusy, Text: c.place() + err.Error(), Hint: "try again; see who fetches: credhelper pool log " + c.Profile.Pool.Name}}
	}
	return failed(c.place(), err)
}

// markOf returns a mark of another host as one of this host.
func (ps *Pools) markOf(m pool.Mark) cache.Mark {
	now := ps.config.Now().Unix()
	reason := m.Reason
	if m.By != ps.host() {
		reason = printable.Value(m.By) + " was told: " + reason
	}
	return cache.Mark{At: now - m.Age, Until: now + m.Rest, Count: m.Count, Refused: m.Refused, Asked: m.Asked,
		Reason: printable.Line(reason), Hint: printable.Line(m.Hint)}
}

// markForAll returns this host's mark as one for all hosts; nil if there is none.
func (ps *Pools) markForAll(ctx context.Context, c Call, keys *pool.Keys) *pool.Mark {
	m, refused, ok := c.Mark(ctx)
	if !ok {
		return nil
	}
	all := &pool.Mark{Count: m.Count, Refused: m.Refused, Asked: m.Asked, Reason: m.Reason, Hint: m.Hint, Rest: m.Until - ps.config.Now().Unix()}
	if m.Refused {
		all.Secret = keys.SecretMark(refused)
	}
	return all
}
