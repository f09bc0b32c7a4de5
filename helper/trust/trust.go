// Package trust decides whose a file is: whether it belongs to root or us, and whether
// anyone else could change it or replace it on the way to it. Programs that are executed,
// configuration, mounted secrets and our own directories are checked by it.
//
// The front links this package, so it has few imports: no fmt, no net/http, no
// encoding/json, which would slow down every call (docs/performance.md).
package trust

import (
	"errors"
	"strconv"
)

var (
	// ErrUnsafe says that others could have changed or read a directory or file: it
	// belongs to another user, is accessible to others, or is a symbolic link. The
	// wrapping error has the path and the finding. Nothing is repaired silently.
	ErrUnsafe = errors.New("not safe to use")

	// ErrTooLarge says that a file exceeds the limit of its reader.
	ErrTooLarge = errors.New("the file is too large")

	// ErrNowhere says that a symbolic link is dangling.
	ErrNowhere = errors.New("link to nowhere")
)

// finding is a sentinel with a path and what was found there.
type finding struct {
	kind error
	text string
}

func (f *finding) Error() string { return f.text }
func (f *finding) Unwrap() error { return f.kind }

// Finding returns a text with the sentinel that it stands for.
func Finding(kind error, text string) error { return &finding{kind, text} }

// Unsafe returns ErrUnsafe for a path, with the finding.
func Unsafe(path, what string) error { return &finding{ErrUnsafe, path + " " + what} }

// TooLarge returns ErrTooLarge for a path.
func TooLarge(path string, limit int) error {
	return &finding{ErrTooLarge, path + " has more than " + strconv.Itoa(limit) + " bytes"}
}
