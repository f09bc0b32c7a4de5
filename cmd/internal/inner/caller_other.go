//go:build !linux

package inner

import (
	"os"

	"github.com/credhelper/credhelper/helper"
)

// Caller is who asks, for the log: the parent of the front, which stands between
// here. Untried: these systems are cross-compiled and vetted only.
func Caller(dialect string) helper.Caller {
	return helper.Caller{Dialect: dialect, PID: parentOf(os.Getppid())}
}
