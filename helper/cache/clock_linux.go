package cache

import (
	"time"

	"golang.org/x/sys/unix"
)

// ClockAt reads the boot clock, which also counts suspended time, at the given
// wall-clock time.
func ClockAt(wall time.Time) Clock {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return Clock{Unix: wall.Unix()}
	}
	return Clock{Unix: wall.Unix(), BootedAt: wall.Unix() - int64(ts.Sec)} // which is 32 bits wide on some machines
}
