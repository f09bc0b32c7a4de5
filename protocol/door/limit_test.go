package door

import (
	"testing"
	"time"
)

// TestLimit: a second's requests go at once, the others one after the other, and after a
// pause a second's worth goes at once again.
func TestLimit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := limiter{each: perRequest(10)}
	for i := range 20 {
		want := max(0, time.Duration(i-9)*100*time.Millisecond)
		if wait, ok := l.turn(now); wait != want || !ok {
			t.Errorf("request %d waits %v, want %v", i+1, wait, want)
		}
	}
	now = now.Add(time.Minute)
	for i := range 11 {
		if wait, _ := l.turn(now); (wait > 0) != (i == 10) {
			t.Errorf("a minute later request %d waits %v", i+1, wait)
		}
	}
	for range 300 {
		l.turn(now)
	}
	if wait, ok := l.turn(now); ok || wait < longestTurn {
		t.Errorf("it waits %v, %v", wait, ok)
	}
}
