//go:build !linux

package main

// limits are what harden changed; nothing on this system.
type limits struct{ core uint64 }

func harden() (limits, error) { return limits{}, hardenHere() }
