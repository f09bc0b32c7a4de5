//go:build !linux

package main

import "errors"

// peak is not available on this system: the bounds were set on Linux.
func peak(*launch) (int, error) { return 0, errors.New("peak memory is measured on Linux only") }
