// Package process handles the process that an executable runs in: it hardens it, reads
// a request of limited size from it, and writes an answer to it once.
//
// The front links this package, so it has few imports: no fmt, no os/exec
// (docs/performance.md).
package process
