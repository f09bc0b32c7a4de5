// Package process is what each executable does to the process that it runs in: it
// hardens it, reads a request from it within bounds, and writes an answer to it
// once.
//
// The front links this package, so it imports little: no fmt, no os/exec
// (docs/performance.md).
package process

import "github.com/credhelper/credhelper/protocol"

func forbidden(text string) error { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }

func malformed(text string) error { return &protocol.Error{Kind: protocol.ErrMalformed, Text: text} }

// GrowStack makes the stack of the main goroutine 32 KiB for 1 frame, 64 for 2, at
// once, while there is nothing on it to copy. Left alone it doubles from 2 KiB as it
// is needed, and each doubling costs more page faults than everything that a cached
// answer allocates (docs/performance.md).
//
//go:noinline
func GrowStack(frames int) byte {
	var room [17 << 10]byte
	if frames > 1 {
		return GrowStack(frames-1) + room[frames]
	}
	return room[frames]
}
