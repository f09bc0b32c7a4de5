// Package process is what both executables do to the process that they run in:
// they harden it, read a request from it within bounds, write an answer to it
// once, and pass each other one word.
//
// The front links this package, so it imports little: no fmt, no os/exec
// (docs/performance.md).
package process

import "github.com/credhelper/credhelper/protocol"

func forbidden(text string) error { return &protocol.Error{Kind: protocol.ErrPolicy, Text: text} }

func malformed(text string) error { return &protocol.Error{Kind: protocol.ErrMalformed, Text: text} }
