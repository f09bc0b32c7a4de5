package cache

import (
	"time"
	"unsafe"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Entry is one sealed token with everything that an answer needs. Times are Unix
// seconds.
type Entry struct {
	Profile            string
	Subject            Subject  // on whose behalf; part of the file's name, not of the sealed text
	protocol.Narrowing          // what the request for it was narrowed to
	Binding            [32]byte // SHA-256 of everything that the token is bound to (T14)
	Token              secret.Text
	Wide               bool     // the profile widened the token's grammar (A16)
	Audit              bool     // every use is logged
	Required           bool     // with Audit: a use that cannot be logged is refused
	Rejected           bool     // an API refuses the token although it is young, so the engine answers (Rejections)
	ByName             bool     // only a request that names the profile is answered
	Username           string   // for tools that only know Basic
	Header             string   // header field that carries the token; "" is Authorization
	Scheme             string   // the word before the token in that field; "Bearer"
	BaseURL            string   // base for relative URLs; may be empty
	Origins            []string // canonical origins that the token may be sent to
	// Fingerprint is the name of the token in the log, and LogLimit the size in bytes at
	// which the log is turned over; only with Audit.
	Fingerprint string
	LogLimit    int64
	// RefreshOn lists HTTP statuses, besides 401, that may mean a dead token.
	RefreshOn []int

	Issued   int64 // when the request for it was sent (A20)
	Expires  int64 // when it expires; never zero
	Refresh  int64 // when to fetch the next one
	BootedAt int64 // wall-clock time of the machine's start when the entry was sealed (A21); 0 if unknown

	// Lock is the stamp of the profile's lock file when the entry was sealed. Revoking
	// touches the lock file, so that a restored earlier copy is invalid (T16).
	Lock Stamp
	// Stamps are those of the files that the entry was made from. If one of them has
	// changed, the entry may still be valid, but only the engine can decide that.
	Stamps []Stamp

	parsed []origin.Origin // Origins, after ParseOrigins
}

// maxEntrySize is the most bytes of a sealed entry: a 16 KiB token, origins, stamps.
const maxEntrySize = 48 << 10

// item returns what the entry's token is for.
func (e *Entry) item() Item { return Item{e.Profile, e.Narrowing} }

func (e *Entry) encode() []byte {
	b := make([]byte, 0, 512+e.Token.Len())
	b = appendFlags(b, e.Wide, e.Audit, e.Rejected, e.ByName, e.Required, e.item().narrowed())
	b = append(b, e.Binding[:]...)
	for _, v := range [...]int64{e.Issued, e.Expires, e.Refresh, e.BootedAt} {
		b = appendUint64(b, uint64(v))
	}
	for _, s := range [...]string{e.Profile, e.Token.Reveal(), e.Username, e.Header, e.Scheme, e.BaseURL} {
		b = appendText(b, s)
	}
	if e.Audit {
		b = appendUint64(appendText(b, e.Fingerprint), uint64(e.LogLimit))
	}
	if e.item().narrowed() {
		b = appendText(appendText(b, e.Scope), e.Audience)
	}
	b = appendTexts(b, e.Origins)
	b = appendUint16(b, uint16(len(e.RefreshOn)))
	for _, status := range e.RefreshOn {
		b = appendUint16(b, uint16(status))
	}
	return appendStamps(b, append([]Stamp{e.Lock}, e.Stamps...))
}

// decodeEntry decodes what encode wrote. The texts of the entry are parts of b, which is
// not changed any more: a copy would be another one of the token, in each answer.
func decodeEntry(b []byte) (*Entry, bool) {
	s := scanner{rest: unsafe.String(unsafe.SliceData(b), len(b))}
	e, narrowed := &Entry{}, false
	s.flags(&e.Wide, &e.Audit, &e.Rejected, &e.ByName, &e.Required, &narrowed)
	copy(e.Binding[:], s.take(len(e.Binding)))
	for _, v := range [...]*int64{&e.Issued, &e.Expires, &e.Refresh, &e.BootedAt} {
		*v = int64(s.uint64())
	}
	e.Profile = s.text()
	e.Token = secret.New(s.text())
	for _, t := range [...]*string{&e.Username, &e.Header, &e.Scheme, &e.BaseURL} {
		*t = s.text()
	}
	if e.Audit {
		e.Fingerprint, e.LogLimit = s.text(), int64(s.uint64())
	}
	if narrowed {
		e.Scope, e.Audience = s.text(), s.text()
	}
	e.Origins = s.texts()
	for range s.uint16() {
		if s.bad {
			return nil, false
		}
		e.RefreshOn = append(e.RefreshOn, int(s.uint16()))
	}
	stamps := s.stamps()
	if !s.done() || len(stamps) == 0 {
		return nil, false
	}
	e.Lock, e.Stamps = stamps[0], stamps[1:]
	return e, true
}

// fits reports whether each length fits into the two bytes before its text.
func (e *Entry) fits() bool {
	size := 256 + e.Token.Len() + len(e.Fingerprint) + len(e.Scope) + len(e.Audience) + 2*len(e.RefreshOn)
	for _, s := range append([]string{e.Profile, e.Username, e.Header, e.Scheme, e.BaseURL, e.Lock.Path}, e.Origins...) {
		size += 2 + len(s)
	}
	for _, s := range e.Stamps {
		size += leastStamp + len(s.Path)
	}
	return size < maxEntrySize
}

// leastLeft is the remaining lifetime that a token must have to be given.
const leastLeft = 30 * time.Second

// LeastLeft returns how long a token with this lifetime must still be valid to be given:
// 30 s, or one second if it lives for a minute at most.
func LeastLeft(life time.Duration) time.Duration {
	if life <= 2*leastLeft {
		return time.Second
	}
	return leastLeft
}

// least is LeastLeft in seconds.
func least(life int64) int64 { return int64(LeastLeft(time.Duration(life)*time.Second) / time.Second) }

// Margin returns how long before its expiry a token with this lifetime is replaced: a
// tenth of it, at most 5 minutes and at least 30 s, except that a token with a lifetime
// under a minute is used for nine tenths of it (A20).
func Margin(life time.Duration) time.Duration {
	margin := min(life/10, 5*time.Minute)
	if life > 2*leastLeft {
		margin = max(margin, leastLeft)
	}
	return margin
}

// RefreshTime returns when a token that was requested at issued and expires at expires
// should be replaced. All times are Unix seconds.
func RefreshTime(issued, expires int64) int64 {
	return expires - int64(Margin(time.Duration(expires-issued)*time.Second)/time.Second)
}

// Spread returns by how many seconds the replacement of a token may be put off after
// RefreshTime, so that homes that got their tokens in one second do not all come back in
// one: half of the time in which the token can still be given.
func Spread(issued, expires int64) int64 {
	return max(0, expires-RefreshTime(issued, expires)-least(expires-issued)) / 2
}

// Usable reports whether the token may be given at now to a caller that needs it for
// minTTL more seconds.
func (e *Entry) Usable(now Clock, minTTL int64) bool {
	return e.credible(now) && now.Unix+max(minTTL, least(e.Expires-e.Issued)) <= e.Expires
}

// Fresh reports whether the token is Usable and outside its refresh margin.
func (e *Entry) Fresh(now Clock, minTTL int64) bool {
	return e.Usable(now, minTTL) && now.Unix < e.Refresh
}

// credible rejects a token if the wall clock is before its issue, or has moved against
// the boot clock by more than a minute: a stopped or turned-back clock must not extend
// a token's lifetime (A21).
func (e *Entry) credible(now Clock) bool {
	if now.Unix < e.Issued-skewAllowed {
		return false
	}
	if e.BootedAt == 0 || now.BootedAt == 0 {
		return true
	}
	drift := now.BootedAt - e.BootedAt
	return -60 <= drift && drift <= 60
}

// skewAllowed tolerates NTP's adjustments between two calls, in seconds.
const skewAllowed = 2

// Clock is the time of a call: the wall clock in Unix seconds, and the wall-clock time
// of the machine's start, 0 if unknown.
type Clock struct{ Unix, BootedAt int64 }
