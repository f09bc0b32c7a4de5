//go:build !linux

package cache

import "time"

// ClockAt has no boot clock on this system; only the wall clock counts.
func ClockAt(wall time.Time) Clock { return Clock{Unix: wall.Unix()} }
