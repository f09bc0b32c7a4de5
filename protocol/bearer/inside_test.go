package bearer

import (
	"context"
	"net/http"
	"net/http/httptest"
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
		h := &answer{left: c.left}
		if h.within(c.monotonic, c.wall, trustTime) != c.good {
			t.Errorf("%s: not %v", c.name, c.good)
		}
	}
}

// TestOwnBase (T7): the default speaks HTTP/1.1 only.
func TestOwnBase(t *testing.T) {
	own := new(Transport).base().(*http.Transport)
	if p := own.Protocols; !p.HTTP1() || p.HTTP2() || p.UnencryptedHTTP2() {
		t.Errorf("it speaks %v", p)
	}
}

// TestGateLeft: who has waited does not count among those who wait.
func TestGateLeft(t *testing.T) {
	now := time.Now()
	x := &trip{server: "a", req: httptest.NewRequest("GET", "/", nil), Transport: &Transport{
		Now:   func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil },
	}}
	x.gates.shut("a", now.Add(time.Second))
	if err := x.pass(); err != nil || len(x.gates.of) != 0 {
		t.Errorf("%v, %+v", err, x.gates.of["a"])
	}
}

// TestGatesForget: a gate is kept while it is shut or somebody is there, so the
// number of servers a program ever met does not matter.
func TestGatesForget(t *testing.T) {
	var g gates
	now := time.Now()
	g.shut("a", now.Add(time.Second))
	if wait, waiting := g.enter("a", now); wait != time.Second || waiting != 1 {
		t.Errorf("wait %v, %d there", wait, waiting)
	}
	if wait, _ := g.enter("a", now.Add(time.Second)); wait != 0 || len(g.of) != 1 {
		t.Errorf("wait %v, %d gates", wait, len(g.of))
	}
	g.leave("a")
	if n := g.of["a"].waiting; n != 0 {
		t.Errorf("%d still there", n)
	}
	if wait, _ := g.enter("a", now.Add(time.Second)); wait != 0 || len(g.of) != 0 {
		t.Errorf("wait %v, %d gates", wait, len(g.of))
	}
}
