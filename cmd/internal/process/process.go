// Package process handles the process that an executable runs in: it hardens it, reads
// a request of limited size from it, and writes an answer to it once.
//
// The front links this package, so it has few imports: no fmt, no os/exec
// (docs/performance.md).
package process

// GrowStack grows the stack of the main goroutine to 32 KiB for 1 frame, or 64 KiB for
// 2, at once, while there is nothing on it to copy. Otherwise it doubles from 2 KiB as
// needed, and each doubling causes more page faults than all allocations of an answer
// from the cache (docs/performance.md).
//
//go:noinline
func GrowStack(frames int) byte {
	var room [17 << 10]byte
	if frames > 1 {
		return GrowStack(frames-1) + room[frames]
	}
	return room[frames]
}
