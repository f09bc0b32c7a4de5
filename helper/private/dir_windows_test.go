package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/credhelper/credhelper/helper/trust"
)

// permit gives a directory another access control list.
func permit(t *testing.T, path, sddl string) {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := sd.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestClosed: what Make creates is closed to others, and a directory that is open to them
// is not used.
func TestClosed(t *testing.T) {
	top := filepath.Join(t.TempDir(), "top")
	path := filepath.Join(top, "state", "run")
	d, err := Make(path)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	for _, c := range []struct {
		name, path, sddl string
		open             func(string) (Dir, error)
		safe             bool
	}{
		{"others may read it", path, "D:(A;OICI;FA;;;WD)", Open, false},
		{"others may move it", filepath.Dir(path), "D:(A;OICI;FA;;;WD)", Find, false},
		{"others may read what is above it", filepath.Dir(path), "D:(A;OICI;FA;;;SY)(A;OICI;FRFX;;;WD)", Find, true},
		{"others may read a place", path, "D:(A;OICI;FA;;;SY)(A;OICI;FRFX;;;WD)", Place, true},
		{"others may write in a place", path, "D:(A;OICI;FA;;;SY)(A;OICI;FA;;;WD)", Place, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d, err := c.open(path); err != nil {
				t.Fatalf("before: %v", err)
			} else {
				d.Close()
			}
			before, err := windows.GetNamedSecurityInfo(c.path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
			if err != nil {
				t.Fatal(err)
			}
			defer permit(t, c.path, before.String())
			permit(t, c.path, c.sddl)
			d, err := c.open(path)
			if err == nil {
				d.Close()
			}
			if (err == nil) != c.safe || err != nil && !errors.Is(err, ErrUnsafe) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestReadablePlace: what is written where others may read, as the file of a token, of a
// guest's secret or of a pool's key, is for us alone.
func TestReadablePlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "place")
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	permit(t, path, "D:(A;OICI;FA;;;SY)(A;OICI;FA;;;"+trust.User()+")(A;OICI;FRFX;;;WD)")
	d, err := Place(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	theirs, err := os.Create(filepath.Join(path, "theirs"))
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if trust.ForeignReader(windows.Handle(theirs.Fd())) == "" {
		t.Fatal("others may read nothing there at all: the test is blind")
	}
	key, err := NewFile(filepath.Join(path, "key"))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if text := trust.ForeignReader(windows.Handle(key.Fd())); text != "" {
		t.Error(text)
	}
	if _, err := NewFile(filepath.Join(path, "key")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key over another: %v", err)
	}
	for range 2 { // the second replaces the first
		if err := d.ReplaceAndSync("token", []byte("secret")); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(path, "token"))
		if err != nil {
			t.Fatal(err)
		}
		if text := trust.ForeignReader(windows.Handle(f.Fd())); text != "" {
			t.Error(text)
		}
		f.Close()
		if content, err := d.Read("token", 10); err != nil || string(content) != "secret" {
			t.Errorf("%q, %v", content, err)
		}
	}
}

// TestInUse: a file that somebody has open for a moment is replaced and removed all the
// same.
func TestInUse(t *testing.T) {
	d, err := Make(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Replace("name", []byte("old")); err != nil {
		t.Fatal(err)
	}
	busy := func(change func() error) {
		t.Helper()
		f, err := os.Open(d.At("name"))
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(30*time.Millisecond, func() { f.Close() })
		if err := change(); err != nil {
			t.Error(err)
		}
	}
	busy(func() error { return d.Replace("name", []byte("new")) })
	if content, err := d.Read("name", 10); err != nil || string(content) != "new" {
		t.Errorf("%q, %v", content, err)
	}
	busy(func() error { return d.Remove("name") })
	// Writers and readers at once, so few that none has to wait long on a busy machine.
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 10 {
				if err := d.Replace("shared", []byte("whole")); err != nil {
					t.Error(err)
				}
				if content, err := d.Read("shared", 10); err != nil || string(content) != "whole" {
					t.Errorf("%q, %v", content, err)
				}
			}
		})
	}
	all.Wait()
}
