package pool

import (
	"math"
	"testing"
	"time"
)

// TestAloneFrom: hosts whose store is lost ask for themselves at times that are spread over
// minutes, and before their token ends.
func TestAloneFrom(t *testing.T) {
	end := time.Unix(1_800_000_000, 0)
	first, last := AloneFrom(end, time.Hour, 0), AloneFrom(end, time.Hour, math.MaxUint32)
	if left := end.Sub(first); left != 4*time.Minute {
		t.Errorf("the first asks %v before the end", left)
	}
	if spread := last.Sub(first); spread < 3*time.Minute || !last.Before(end) {
		t.Errorf("the last asks %v after the first, %v before the end", spread, end.Sub(last))
	}
}
