//go:build unix

package helper

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// file is what fstat could say about a file of anybody.
type file struct {
	mode fs.FileMode
	uid  uint32
}

func (f file) Name() string       { return "demo.toml" }
func (f file) Size() int64        { return 0 }
func (f file) Mode() fs.FileMode  { return f.mode }
func (f file) ModTime() time.Time { return time.Time{} }
func (f file) IsDir() bool        { return false }
func (f file) Sys() any           { return &syscall.Stat_t{Uid: f.uid} }

// TestForeignHands (T14): the owner is root or we, and nobody else may write.
func TestForeignHands(t *testing.T) {
	us, other := uint32(os.Geteuid()), uint32(os.Geteuid())+7
	for _, c := range []struct {
		file
		finding string
	}{
		{file{0o600, us}, ""}, {file{0o644, us}, ""}, {file{0o444, us}, ""},
		{file{0o600, 0}, ""}, {file{0o644, 0}, ""},
		{file{0o600, other}, "neither root nor you"}, {file{0o644, other}, "neither root nor you"},
		{file{0o666, other}, "neither root nor you"},
		{file{0o620, us}, "mode 0620"}, {file{0o602, us}, "mode 0602"}, {file{0o664, 0}, "mode 0664"},
	} {
		got := foreignHands(c.file)
		if (got == "") != (c.finding == "") || !strings.Contains(got, c.finding) {
			t.Errorf("%04o of uid %d: %q; want %q", c.mode, c.uid, got, c.finding)
		}
	}
}
