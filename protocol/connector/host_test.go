package connector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/stats"
)

// TestHostGone: when the serving end takes its host for gone (T20).
func TestHostGone(t *testing.T) {
	const never = time.Hour
	for _, c := range []struct {
		name             string
		connects, leaves time.Duration // after the greeting
		dies, patience   time.Duration // when lives says no; when ctx is done
		earliest, latest time.Duration
		back             bool
	}{
		{"never comes", never, never, never, never, 10 * time.Second, 11 * time.Second, false},
		{"died before it was looked at", never, never, 0, never, 0, 0, false},
		{"dies while it is greeted", never, never, 30 * time.Millisecond, never, 30 * time.Millisecond, 300 * time.Millisecond, false},
		{"comes and forgets us", time.Second, 20 * time.Second, never, never, 30 * time.Second, 31 * time.Second, false},
		{"comes and dies", time.Second, 20 * time.Second, 20 * time.Second, never, 20 * time.Second, 20*time.Second + 300*time.Millisecond, false},
		{"comes back in time", time.Second, 20 * time.Second, never, 50 * time.Second, 50 * time.Second, 50 * time.Second, true},
		{"stays, and nobody reads its stdout", time.Second, never, 2 * time.Second, 50 * time.Second, 50 * time.Second, 50 * time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			h := newHost(func() bool { return time.Since(began) < c.dies })
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			comes := func(after time.Duration, s stats.ConnStats) *time.Timer {
				return time.AfterFunc(after, func() { h.HandleConn(ctx, s) })
			}
			defer comes(c.connects, &stats.ConnBegin{}).Stop()
			defer comes(c.leaves, &stats.ConnEnd{}).Stop()
			if c.back {
				defer comes(c.leaves+5*time.Second, &stats.ConnBegin{}).Stop()
			}
			h.wait(ctx)
			if took := time.Since(began); took < c.earliest || took > c.latest {
				t.Errorf("%s: after %v, want %v to %v", c.name, took, c.earliest, c.latest)
			}
		})
	}
}
