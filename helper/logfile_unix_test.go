//go:build unix

package helper_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// TestLogLocks: while somebody is writing, the log is not turned over; one who was
// stopped with the lock delays nobody by more than a moment (T25), and the line is
// written all the same.
func TestLogLocks(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\nlog_size = \"1 MiB\"\n")
	h.mustGet(named)
	h.write(h.dirs.Log(), strings.Repeat(strings.Repeat("x", 1023)+"\n", 1025))
	f, err := os.Open(h.dirs.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines, how := range map[string]int{"a writer": syscall.LOCK_SH, "one who turns it over": syscall.LOCK_EX} {
		if err := syscall.Flock(int(f.Fd()), how); err != nil {
			t.Fatal(err)
		}
		before := len(h.log())
		h.inBubble(t, func() {
			began := time.Now()
			h.mustGet(named)
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("%s: it took %v", lines, took)
			}
		})
		if n := len(h.log()) - before; n != 1 {
			t.Errorf("%s: %d lines", lines, n)
		}
		if _, err := os.Stat(h.dirs.Log() + ".1"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: turned over under the lock: %v", lines, err)
		}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	before := len(h.log())
	h.mustGet(named)
	if n := len(h.log()) - before; n != 1 {
		t.Errorf("%d lines", n)
	}
	if info, err := os.Stat(h.dirs.Log()); err != nil || info.Size() > 1024 {
		t.Errorf("not turned over: %v %v", info, err)
	}
}
