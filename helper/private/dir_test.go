//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func putFile(t *testing.T, dir, name string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.WriteFile(path, []byte("content"), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func putLink(t *testing.T, dir, name, to string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEnter: a directory of ours may lie behind a link of ours; where it must not
// be a link, it is refused.
func TestEnter(t *testing.T) {
	base := t.TempDir()
	made, err := Make(filepath.Join(base, "disk", "state"))
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	link := putLink(t, base, "state", "disk/state")
	d, err := Enter(link)
	if err != nil || d.Path() != filepath.Join(base, "disk", "state") {
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
