package bearer

import (
	"testing"
	"time"
)

// TestHeldClocks: an answer counts only while both clocks say that it is young; a
// machine that slept has one that stood still, one whose time was set has one that
// jumped.
func TestHeldClocks(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name            string
		monotonic, wall time.Duration
		left            time.Duration
		good            bool
	}{
		{"at once", 0, 0, time.Hour, true},
		{"nearly 100 ms", 99 * ms, 99 * ms, time.Hour, true},
		{"100 ms", 100 * ms, 100 * ms, time.Hour, false},
		{"slept", 0, 8 * time.Hour, 24 * time.Hour, false},
		{"wall clock set forward", ms, time.Minute, time.Hour, false},
		{"wall clock set back", ms, -time.Minute, time.Hour, false},
		{"wall clock set back into the 100 ms", 500 * ms, 50 * ms, time.Hour, false},
		{"before the end", 9 * ms, 9 * ms, 10 * ms, true},
		{"at the end", 10 * ms, 10 * ms, 10 * ms, false},
		{"at the end by one clock", 10 * ms, 9 * ms, 10 * ms, false},
		{"at the end by the other", 9 * ms, 10 * ms, 10 * ms, false},
	} {
		h := &held{left: c.left}
		if h.within(c.monotonic, c.wall, trustTime) != c.good {
			t.Errorf("%s: not %v", c.name, c.good)
		}
	}
}
