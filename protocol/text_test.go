package protocol_test

import (
	"errors"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestJoinedErrors: two errors that were joined are one line, and can be told apart.
func TestJoinedErrors(t *testing.T) {
	err := errors.Join(errors.New("the first"), errors.New("the second"))
	if got, want := protocol.Line(err.Error()), "the first; the second"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
