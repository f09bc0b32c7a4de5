package failure_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
)

// TestJoinedErrorsAreOneLine: two failures of one step are told as one line that reads
// as such, and the advice is not a flag that the verb does not have.
func TestJoinedErrorsAreOneLine(t *testing.T) {
	var e *protocol.Error
	if !errors.As(failure.Store(errors.Join(errors.New("remove a"), syscall.EROFS)), &e) {
		t.Fatal("another type of error")
	}
	if want := "cache: remove a; read-only file system"; e.Text != want {
		t.Errorf("got %q, want %q", e.Text, want)
	}
	if want := "nothing can be written there; CREDHELPER_HOME can name another directory, and token --no-store needs none"; e.Hint != want {
		t.Errorf("hint %q", e.Hint)
	}
}
