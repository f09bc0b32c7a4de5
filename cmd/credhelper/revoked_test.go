//go:build linux

package main_test

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestRunRestored (S10, T16): run/ is moved away, the token revoked, and run/ moved back:
// the token is not given any more. Without a revocation it still is, which shows that the
// test would notice.
func TestRunRestored(t *testing.T) {
	s := newServer(t)
	for _, args := range [][]string{
		{"status"},
		{"logout", "jama"},
		{"rotate", "jama", "--secret-stdin"},
		{"cache", "clear", "jama"},
		{"cache", "clear"},
		{"lock"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			h := newHome(t, s)
			settle()
			before := hostToken(t, h)
			if hostToken(t, h) != before {
				t.Fatal("nothing is cached: the test is blind")
			}
			run := h.Dirs.Run()
			if err := os.Rename(run, run+".away"); err != nil {
				t.Fatal(err)
			}
			call(t, h, secretB, args...) // another secret: storing the same one changes nothing
			if err := errors.Join(os.RemoveAll(run), os.Rename(run+".away", run)); err != nil {
				t.Fatal(err)
			}
			r := finish(t, h.Command("token", "jama"))
			if given, want := r.token() == before, args[0] == "status"; given != want {
				t.Errorf("the token of before is given: %v, want %v: %+v", given, want, r)
			}
			if args[0] != "logout" && r.code != 0 {
				t.Errorf("no token: %+v", r)
			}
		})
	}
}
