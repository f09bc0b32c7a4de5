package handover

import (
	"testing"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
)

// TestHandoverWord: what one executable writes is what the next one reads. A start time that
// is impossible by the clock is replaced by now.
func TestHandoverWord(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		word    string
		version string
		core    uint64
		age     time.Duration
		ok      bool
	}{
		{Handover{Limits: process.Limits{Core: 7}, Start: now.Add(-time.Second)}.word(), "1", 7, time.Second, true},
		{"handover-1:18446744073709551615", "1", 1<<64 - 1, 0, true},
		{Handover{Start: now.Add(-time.Hour)}.word(), "1", 0, 0, true}, // the clock was set
		{Handover{Start: now.Add(time.Hour)}.word(), "1", 0, 0, true},
		{"handover-2:whatever", "2", 0, 0, true}, // the caller refuses another version
		{"handover-1:x", "1", 0, 0, false},
		{"handover-1:0:x", "1", 0, 0, false},
		{"handover-", "", 0, 0, false},
		{"handover-:0", "", 0, 0, false},
		{"token", "", 0, 0, false},
		{"", "", 0, 0, false},
	} {
		h, ok := ReadWord(c.word, now)
		if ok != c.ok || h.Version != c.version || h.Limits.Core != c.core && ok {
			t.Errorf("ReadWord(%q) = %+v, %v", c.word, h, ok)
		}
		if ok && h.Version == Version && now.Sub(h.Start) != c.age {
			t.Errorf("ReadWord(%q): started %v ago, want %v", c.word, now.Sub(h.Start), c.age)
		}
	}
}
