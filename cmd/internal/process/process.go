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
