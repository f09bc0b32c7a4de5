// Package stack grows the stack of the main goroutine to 64 KiB when the program starts,
// while nothing is on it. Otherwise it doubles from 2 KiB as needed, and for each size
// Go's runtime touches eight pages of stacks that are never used: together more than all
// that an answer from the cache allocates (docs/performance.md).
//
// Importing it is all there is to do. It imports nothing, so that it is initialized
// before the packages of the standard library whose initializers need more than 2 KiB: Go
// initializes packages that are ready in the order of their paths.
package stack

var _ = grow(false)

// grow has a frame of 33 KiB, for which a stack of 64 KiB is needed. The frame is not
// cleared if now is false, so that none of its pages is touched.
//
//go:noinline
func grow(now bool) byte {
	if now {
		var frame [33 << 10]byte
		return last(&frame)
	}
	return 0
}

//go:noinline
func last(frame *[33 << 10]byte) byte { return frame[len(frame)-1] }
