package retryafter_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol/retryafter"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestParse (A11, A3): what the RFC knows, what servers send besides, and nothing
// else. What is longer than an hour is an hour.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		value string
		want  time.Duration
	}{
		{"1", time.Second}, {"0", 0}, {"120", 2 * time.Minute}, {" 7 ", 7 * time.Second}, {"007", 7 * time.Second},
		{"3600", time.Hour}, {"3601", time.Hour}, {"604800", time.Hour}, {"99999999999999999999", time.Hour}, {strings.Repeat("9", 100000), time.Hour},
		{"3.5", 3500 * time.Millisecond}, {".5", time.Second}, {"120, 120", 2 * time.Minute}, {"5,10, 7", 10 * time.Second},
		{".5", time.Second}, {"+5", 0}, {"1.2.3", 0}, {".", 0}, {"1e3", 0}, {"0x10", 0}, {"5 s", 0}, {"5, soon", 0}, {"soon", 0}, {"", 0}, {" ", 0}, {"\x00", 0}, {"Inf", 0}, {"NaN", 0},
		{"Mon, 23 Nov 2026 12:01:00 GMT", time.Minute},
		{"Monday, 23-Nov-26 12:01:00 GMT", time.Minute},
		{"Mon Nov 23 12:01:00 2026", time.Minute},
		{"Mon, 23 Nov 2026 12:01:00 +0000", time.Minute}, {"Mon, 23 Nov 2026 13:01:00 +0100", time.Minute},
		{"2026-11-23T12:01:00Z", time.Minute},
		{"Mon, 23 Nov 2026 12:00:00 GMT", 0}, {"Mon, 23 Nov 2026 11:59:00 GMT", 0},
		{"Wed, 25 Nov 2026 12:00:00 GMT", time.Hour}, {"Fri, 31 Dec 9999 23:59:59 GMT", time.Hour}, {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	} {
		if got := retryafter.Parse(c.value, now, time.Hour); got != c.want {
			t.Errorf("%.40q: %v, want %v", c.value, got, c.want)
		}
	}
}

// TestOf: the field of an answer. A date counts from the answer's own Date, and of two
// fields the longer one counts.
func TestOf(t *testing.T) {
	h := http.Header{}
	if got := retryafter.Of(h, now, time.Hour); got != 0 {
		t.Errorf("without a field: %v", got)
	}
	h.Set("Retry-After", "Mon, 23 Nov 2026 10:01:00 GMT")
	h.Set("Date", "Mon, 23 Nov 2026 10:00:00 GMT")
	if got := retryafter.Of(h, now, time.Hour); got != time.Minute {
		t.Errorf("a clock two hours behind: %v", got)
	}
	h.Add("Retry-After", "90")
	if got := retryafter.Of(h, now, time.Hour); got != 90*time.Second {
		t.Errorf("two fields: %v", got)
	}
}

// FuzzParse: never negative, never more than the most; blanks around it do not count.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "3600", "-5", "3.5", "1, 2", "soon", "1e30", "Mon, 23 Nov 2026 12:01:00 GMT", "99999999999999999999", "", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		wait := retryafter.Parse(value, now, time.Hour)
		if wait < 0 || wait > time.Hour {
			t.Errorf("%q: %v", value, wait)
		}
		if wait != retryafter.Parse(" "+value+"\t", now, time.Hour) {
			t.Errorf("%q: blanks around it count", value)
		}
	})
}
