package swap

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
)

// record is what a name has, with the members that a hash has in package redis. Times
// and numbers are microseconds by the store's clock.
type record struct {
	entry  []byte // a sealed token
	number int64  // its number
	mark   []byte // a sealed mark
	until  int64  // when it ends
	lease  string // who leads
	ends   int64  // until when
	beat   int64  // how often the lease was renewed

	granted int64 // the highest number that was given with a lease
	seen    int64 // the store's time, now and then: it shows when the clock went back
	keep    int64 // from when on the name may be removed
}

const (
	// backwards is how much clocks of one store's servers may differ: more is a clock that
	// went back, so that nobody knows how old a token is.
	backwards = int64(2 * time.Second / time.Microsecond)
	// seenEach is how often the store's time is noted, which is a change: as long as a token
	// has to live to be given.
	seenEach = int64(30 * time.Second / time.Microsecond)
	// nameTime is how long a name without a token is kept.
	nameTime = int64(48 * time.Hour / time.Microsecond)
	// farthest is how far in the future a number may lie that was given.
	farthest = int64(366 * 24 * time.Hour / time.Microsecond)
	// reportTime is how long a report lies there for the keepers.
	reportTime = 15 * time.Minute
)

// ask answers a question, and gives the lease. now may be earlier than the true time, by
// less than precision. idle says that the lease has not changed for its time.
func (r *record) ask(q pool.Question, now, precision int64, idle bool) (a pool.Answer, changed bool) {
	lasts := pool.LeaseTime.Microseconds()
	switch {
	case r.seen != 0 && now < r.seen-backwards-precision:
		*r = record{granted: r.granted, seen: now, keep: now + nameTime}
		changed = true
	case now > r.seen+seenEach:
		r.seen, changed = now, true
	}
	now = max(now, r.seen)
	a.Now = now
	held := r.lease != "" && !idle && r.ends+precision > now && r.ends <= now+lasts+backwards+precision
	switch {
	case r.entry != nil && r.number > q.Have && r.number != q.SkipEntry:
		a.Entry, a.Number, a.Now = r.entry, r.number, now+precision // no token counts as younger than it is
	case r.mark != nil && r.until > now && r.until != q.SkipMark:
		a.Mark, a.Until = r.mark, r.until
	case held && r.lease == q.Lease: // the answer to the same question got lost
		a.Lease, a.Past = r.granted, r.mark
		return a, false
	case held:
		a.Held = true
	case q.Lease != "":
		if r.granted > now+farthest {
			r.granted = 0
		}
		a.Lease, a.Past = max(now, r.granted+1, q.Have+1), r.mark
		r.lease, r.ends, r.beat, r.granted = q.Lease, now+lasts, 0, a.Lease
		r.seen, r.keep = now, max(r.keep, now+nameTime)
		changed = true
	}
	return a, changed
}

// magic begins a record.
const magic = "CRR1"

func (r *record) encode() []byte {
	b := []byte(magic)
	for _, n := range [...]int64{r.number, r.until, r.ends, r.beat, r.granted, r.seen, r.keep} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, pool.JoinFields([][]byte{r.entry, r.mark, []byte(r.lease)})...)
}

// decode reads a record. One that is damaged is empty, and so is replaced.
func decode(b []byte) (r record) {
	numbers := [...]*int64{&r.number, &r.until, &r.ends, &r.beat, &r.granted, &r.seen, &r.keep}
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok || len(rest) < 8*len(numbers) {
		return record{}
	}
	for i, n := range numbers {
		if *n = int64(binary.BigEndian.Uint64(rest[8*i:])); *n < 0 {
			return record{}
		}
	}
	fields, ok := pool.SplitFields[[]byte](rest[8*len(numbers):])
	if !ok || len(fields) != 3 {
		return record{}
	}
	r.lease = string(fields[2])
	for i, into := range [...]*[]byte{&r.entry, &r.mark} {
		if len(fields[i]) > 0 {
			*into = fields[i]
		}
	}
	return r
}

// A report is the number of a token, and until when it counts.
func encodeReport(number, until int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(number)), uint64(until))
}

func decodeReport(b []byte) (number, until int64) {
	if len(b) != 16 {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
}

// Expired reports whether what is at a key is of no use any more, so that it may be
// removed.
func Expired(key string, value []byte, now int64) bool {
	if strings.HasSuffix(key, ReportedSuffix) {
		_, until := decodeReport(value)
		return until > 0 && until < now
	}
	r := decode(value)
	return r.keep > 0 && r.keep < now
}

// checks returns the check values of the keys in a store, with the versions of the hosts
// that have them: a line each.
func checks(text []byte) map[string]string {
	stored := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if check, version, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok {
			stored[check] = version
		}
	}
	return stored
}

// addCheck adds the check value of a host in this version, or puts it in place of an older
// one, and says which one it follows.
func addCheck(text []byte, q pool.Question) []byte {
	var all []byte
	next := q.Former + pool.NextSuffix
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, " ")
		if name != q.Check && (q.Former == "" || name != next && name != q.Check+pool.NextSuffix) {
			all = append(all, strings.TrimSuffix(line, "\n")+"\n"...)
		}
	}
	if q.Former != "" {
		all = append(all, next+" "+q.Check+"\n"...)
	}
	return append(all, q.Check+" "+strconv.Itoa(pool.Version)+"\n"...)
}
