//go:build !realkeyring || !linux

package desktop_test

import "testing"

// inSession: without the build tag realkeyring no desktop is needed.
func inSession(m *testing.M) int { return m.Run() }
