//go:build !linux

package main

import (
	"os"

	"github.com/credhelper/credhelper/helper"
)

// caller is who asks, for the log: the parent of the front, which stands between
// here. Untried: these systems are cross-compiled and vetted only.
func (s *session) caller() helper.Caller {
	return helper.Caller{Dialect: s.verb, PID: parentOf(os.Getppid())}
}
