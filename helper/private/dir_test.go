//go:build unix

package private

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestEnter: a directory of ours may lie behind a link of ours; where it must not
// be a link, it is refused.
func TestEnter(t *testing.T) {
	base := t.TempDir()
	made, err := Make(filepath.Join(base, "disk", "state"))
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	link := filepath.Join(base, "state")
	if err := os.Symlink("disk/state", link); err != nil {
		t.Fatal(err)
	}
	d, err := Enter(link)
	if err != nil || d.Path() != link {
		t.Fatalf("%v, %s", err, d.Path())
	}
	if err := d.ReplaceAndSync("file", []byte("content")); err != nil {
		t.Error(err)
	}
	if content, err := d.Read("file", 100); err != nil || string(content) != "content" {
		t.Errorf("%q, %v", content, err)
	}
	if names, err := d.Names(); err != nil || len(names) != 1 {
		t.Errorf("%v, %v: an unfinished file is left", names, err)
	}
	d.Close()
	for name, open := range map[string]func(string) (Dir, error){"Open": Open, "Find": Find, "Make": Make} {
		if _, err := open(link); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s of a link: %v", name, err)
		}
	}
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(string) (Dir, error){"Enter": Enter, "Find": Find, "Make": Make} {
		if _, err := open(filepath.Join(base, "disk", "state")); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s where others can write above: %v", name, err)
		}
	}
}

// TestDirectoryInPlace: an empty directory in the place of a file of ours, or of a
// lock, makes way; one that holds something stays, and is told.
func TestDirectoryInPlace(t *testing.T) {
	d, err := Make(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range []string{"file", "lock", "removed", "full/x"} {
		if err := os.MkdirAll(d.At(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Replace("file", []byte("content")); err != nil || !d.IsFile("file") {
		t.Errorf("replaced: %v", err)
	}
	if l, err := d.TryLock("lock"); err != nil {
		t.Errorf("locked: %v", err)
	} else {
		l.Unlock()
	}
	if err := d.Remove("removed"); err != nil {
		t.Errorf("removed: %v", err)
	}
	if err := d.Replace("full", nil); err == nil || d.IsFile("full") {
		t.Errorf("a directory that holds something was replaced: %v", err)
	}
	if err := d.Remove("full"); err == nil {
		t.Error("a directory that holds something was removed")
	}
	if names, err := d.Names(); err != nil || len(names) != 3 {
		t.Errorf("%v, %v", names, err)
	}
}
