//go:build unix

package handover

import (
	"io"
	"os"
	"strings"
	"testing"
)

// TestFilledPipe: what a tool has sent is read whole by the next program, and then its end;
// more than a pipe holds is not cut.
func TestFilledPipe(t *testing.T) {
	for _, n := range []int{0, 1, 4 << 10, 60 << 10} {
		content := strings.Repeat("r", n)
		fd, fits := filledPipe([]byte(content))
		if !fits {
			t.Errorf("%d bytes do not fit", n)
			continue
		}
		f := os.NewFile(uintptr(fd), "pipe")
		if got, err := io.ReadAll(f); err != nil || string(got) != content {
			t.Errorf("%d bytes: %d came, %v", n, len(got), err)
		}
		f.Close()
	}
	if _, fits := filledPipe(make([]byte, 4<<20)); fits {
		t.Error("4 MiB fit into a pipe")
	}
}
