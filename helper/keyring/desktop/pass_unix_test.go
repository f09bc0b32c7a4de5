//go:build unix

package desktop_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop"
)

// TestPassProgram (T5): no program is run from a directory that depends on the current
// directory, none that others can replace, and none by a relative path.
func TestPassProgram(t *testing.T) {
	dir, open := t.TempDir(), t.TempDir()
	for _, path := range []string{dir + "/pass", dir + "/gpg", open + "/pass"} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open+"/pass", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  []string
		pass string
		want error
	}{
		{"both there", []string{"PATH=" + dir, "HOME=/home/none"}, "", nil},
		{"chosen", []string{"PATH=" + dir, "HOME=/home/none"}, dir + "/pass", nil},
		{"an empty folder in PATH", []string{"PATH=" + dir + ":", "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"a relative folder in PATH", []string{"PATH=bin:" + dir, "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"the current directory in PATH", []string{"PATH=.:" + dir, "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"others can write it", []string{"PATH=" + open + ":" + dir, "HOME=/home/none"}, "", keyring.ErrUnsafe},
		{"chosen by a relative path", []string{"PATH=" + dir, "HOME=/home/none"}, "./pass", keyring.ErrInvalid},
		{"chosen and gone", []string{"PATH=" + dir, "HOME=/home/none"}, dir + "/none", keyring.ErrUnavailable},
		{"nothing in PATH", []string{"PATH=" + t.TempDir(), "HOME=/home/none"}, "", keyring.ErrUnavailable},
		{"no PATH", nil, "", keyring.ErrUnavailable},
		{"a relative store", []string{"PATH=" + dir, "PASSWORD_STORE_DIR=store"}, "", keyring.ErrInvalid},
		{"no HOME", []string{"PATH=" + dir}, "", keyring.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := desktop.Open(t.Context(), "pass", desktop.Config{State: t.TempDir(), Now: time.Now, Environ: c.env, PassProgram: c.pass})
			if !errors.Is(err, c.want) {
				t.Errorf("Open: %v, want %v", err, c.want)
			}
		})
	}
}
