package redis

import (
	"strconv"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
)

// TestLooked: what a reader finds counts as it does for a keeper.
func TestLooked(t *testing.T) {
	const now = int64(1_800_000_000_000_000)
	text := func(n int64) []byte { return []byte(strconv.FormatInt(n, 10)) }
	fields := func() [][]byte { // entry, number, mark, until, lease, ends, seen
		return [][]byte{[]byte("entry"), text(now - 10), []byte("mark"), text(now + 10), []byte("lease"), text(now + 10), text(now - 10)}
	}
	for _, c := range []struct {
		name   string
		change func(f [][]byte, q *pool.Question)
		want   string
	}{
		{"an entry", func([][]byte, *pool.Question) {}, "entry"},
		{"the same", func(_ [][]byte, q *pool.Question) { q.Have = now - 10 }, "mark"},
		{"skipped", func(_ [][]byte, q *pool.Question) { q.SkipEntry, q.SkipMark = now-10, now+10 }, "held"},
		{"a mark that is over", func(f [][]byte, q *pool.Question) { f[0], f[3] = nil, text(now) }, "held"},
		{"a lease that is over", func(f [][]byte, q *pool.Question) { f[0], f[2], f[5] = nil, nil, text(now) }, ""},
		{"a lease too long", func(f [][]byte, q *pool.Question) { f[0], f[2], f[5] = nil, nil, text(now+time.Hour.Microseconds()) }, ""},
		{"a clock that went back", func(f [][]byte, q *pool.Question) { f[6] = text(now + time.Hour.Microseconds()) }, ""},
		{"nothing", func(f [][]byte, q *pool.Question) { clear(f) }, ""},
	} {
		f, q := fields(), pool.Question{}
		c.change(f, &q)
		a, got := choose(f, now, q), ""
		switch {
		case a.Entry != nil:
			got = "entry"
		case a.Mark != nil:
			got = "mark"
		case a.Held:
			got = "held"
		}
		if got != c.want || a.Now != now {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
