package pools

import (
	"context"
	"encoding/binary"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Record is what a home remembers about the last token of an item that it has from a
// pool.
type Record struct {
	Number      int64
	By          string // the host that fetched it
	Mark        string // protocol.Mark of the token
	Fingerprint string // the token's name in the logs of all hosts
	Refused     bool   // an API refused it
	Alone       bool   // this host fetched it for itself
	Fetched     bool   // by this host; not kept
}

// Of reports whether the record is about this token.
func (r Record) Of(token secret.Text) bool { return r.Mark == protocol.Mark(token) }

// Records are the records of an item.
type Records struct {
	Store *cache.Store // nil: nothing is kept
	Item  cache.Item
}

func (rs Records) name() string {
	return "pool\x00" + rs.Item.Profile + "\x00" + rs.Item.Scope + "\x00" + rs.Item.Audience
}

// Last returns what is remembered about the item's token.
func (rs Records) Last() (r Record, known bool) {
	if rs.Store == nil {
		return r, false
	}
	b, ok := rs.Store.Kept(rs.name())
	if !ok {
		return r, false
	}
	return decode(b)
}

// KeepLocked remembers a token of the pool, from now until it expires. A token that this
// host fetched for itself keeps the number of the one before: an older one is never
// taken. The caller holds the profile's lock.
func (rs Records) KeepLocked(ctx context.Context, r Record, now, expires int64) {
	if rs.Store == nil {
		return
	}
	if last, known := rs.Last(); known {
		r.Number = max(r.Number, last.Number)
	}
	_ = rs.Store.Keep(ctx, rs.name(), r.encode(), now, expires)
}

// RefuseLocked remembers that an API refuses the token of e, if it is the last one. The
// caller holds the profile's lock.
func (rs Records) RefuseLocked(ctx context.Context, e *cache.Entry, now int64) {
	if r, known := rs.Last(); known && r.Of(e.Token) {
		r.Refused = true
		rs.KeepLocked(ctx, r, now, e.Expires)
	}
}

// encode returns the record as a text to keep.
func (r Record) encode() []byte {
	flags := byte(0)
	if r.Refused {
		flags |= 1
	}
	if r.Alone {
		flags |= 2
	}
	b := append(binary.BigEndian.AppendUint64(nil, uint64(r.Number)), flags)
	for _, s := range [...]string{r.Mark, r.Fingerprint, r.By[:min(len(r.By), 255)]} {
		b = append(append(b, byte(len(s))), s...)
	}
	return b
}

// decode decodes a kept record.
func decode(b []byte) (r Record, ok bool) {
	if len(b) < 9 {
		return r, false
	}
	r.Number = int64(binary.BigEndian.Uint64(b))
	r.Refused, r.Alone = b[8]&1 != 0, b[8]&2 != 0
	for rest, fields := b[9:], []*string{&r.Mark, &r.Fingerprint, &r.By}; len(fields) > 0; fields = fields[1:] {
		if len(rest) < 1 || len(rest)-1 < int(rest[0]) {
			return Record{}, false
		}
		*fields[0], rest = string(rest[1:1+int(rest[0])]), rest[1+int(rest[0]):]
	}
	return r, true
}
