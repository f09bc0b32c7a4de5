package helper

import (
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// This file handles a request's cache entry once the profile was read: the entry must
// match the profile's binding, instead of the stamps of its files.

// sealed returns the stored entry, whether or not the profile has changed since; nil if
// there is none.
func (q *query) sealed() *cache.Entry {
	if q.store == nil {
		return nil
	}
	e, err := q.store.Get(q.item, q.subject)
	if err != nil {
		return nil
	}
	return e
}

// cached returns the entry if it matches the current profile and its token is not the
// one reported as refused; else nil.
func (q *query) cached() *cache.Entry {
	if !q.readable {
		return nil
	}
	e := q.sealed()
	if e == nil || e.Binding != q.binding || q.request.Refused.Of(e.Token) || !secret.ValidToken(e.Token.Reveal(), q.profile.WideToken) {
		return nil
	}
	return e
}

// answers reports whether an entry answers the request, without one to the server. A
// token other than the one that the request found first counts as new.
func (q *query) answers(e *cache.Entry) bool {
	if e == nil {
		return false
	}
	r := q.request
	r.MinTTL = q.minTTL(e)
	r.Refresh = r.Refresh && q.seen != nil && e.Token.Equal(q.seen.Token)
	_, ok := e.Answer(r, q.clock())
	return ok
}

// usable reports whether an entry may still be given while a request to the server is
// pending.
func (q *query) usable(e *cache.Entry) bool { return e.Usable(q.clock(), q.minTTL(e)) }

// minTTL returns how long the token must remain valid: as the tool or the profile
// requires, but not longer than the server permits. Otherwise each call would be a
// fetch.
func (q *query) minTTL(e *cache.Entry) int64 {
	want := q.request.MinTTL
	if want <= 0 {
		want = int64(q.profile.MinTTL / time.Second)
	}
	return min(want, most(e.Issued, e.Expires))
}

// most returns the longest remaining lifetime that can be required of a token.
func most(issued, expires int64) int64 { return (expires - issued) * 9 / 10 }

// hit returns the answer from the cache, once it is logged where it has to be.
func (q *query) hit(e *cache.Entry) (protocol.Credential, error) {
	if err := q.logHit(e.Token, e.Expires); err != nil {
		return protocol.Credential{}, err
	}
	c := e.Credential(q.clock())
	c.Origin = q.origin
	return c, nil
}

// logHit logs a token that this request did not fetch.
func (q *query) logHit(token secret.Text, expires int64) error {
	if q.settings.Audit == "" {
		return nil
	}
	line := q.ofToken(q.record(eventHit), token, expires)
	line.Source, line.Token = fromCache, q.nameOf(token)
	return q.logUse(line)
}

// newEntry returns the entry for a token.
func (q *query) newEntry(token secret.Text, issued, expires int64) *cache.Entry {
	p := q.profile
	e := &cache.Entry{
		Profile:   p.Name,
		Subject:   q.subject,
		Narrowing: q.item.Narrowing,
		Binding:   q.binding,
		Token:     token,
		Wide:      p.WideToken,
		Audit:     q.settings.Audit != "",
		Required:  q.settings.Audit == config.AuditRequired,
		ByName:    p.ByName,
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
	if e.Audit {
		e.Fingerprint, e.LogLimit = q.nameOf(token), q.settings.LogLimit()
	}
	// The front does not know a profile's min_ttl, only when to execute the engine.
	want := min(int64(p.MinTTL/time.Second), most(issued, expires))
	later := q.jitter(token, cache.Spread(issued, expires))
	e.Refresh = min(cache.RefreshTime(issued, expires)+later, expires-want)
	e.Stamps = p.Stamps
	return e
}
