//go:build unix

package private_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/filelock"
	"github.com/credhelper/credhelper/helper/private"
)

// TestSweepWhileWriting: sweeping all the time takes no file from a writer, and what a
// killed writer left goes at once, whatever its age.
func TestSweepWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ours")
	d, err := private.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.WriteFile(filepath.Join(path, ".tmp-credhelper-1-a-1"), []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := d.Sweep(time.Now()); n != 1 {
		t.Errorf("%d files of a writer that is gone were removed, want 1", n)
	}
	var writers, sweepers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		sweepers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					d.Sweep(time.Now())
				}
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			for range 300 {
				if err := d.Replace("file"+strconv.Itoa(w), []byte("whole")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	sweepers.Wait()
	names, err := d.Names()
	if err != nil || len(names) != 4 {
		t.Errorf("%v, %v: want the four files", names, err)
	}
}

// TestSweepByAnotherClock: where a file server's clock is hours off, every new file looks
// old. A live writer's stays all the same; a killed one's goes.
func TestSweepByAnotherClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ours")
	d, err := private.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const live, left = ".tmp-credhelper-1-a-1", ".tmp-credhelper-1-a-2"
	for _, name := range []string{live, left} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("part"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := d.OpenFile(live, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if taken, err := filelock.Lock(writer, filelock.Exclusive, false); !taken || err != nil {
		t.Fatal(taken, err)
	}
	n := d.Sweep(time.Now().Add(5 * time.Hour))
	if names, err := d.Names(); n != 1 || err != nil || len(names) != 1 || names[0] != live {
		t.Errorf("%d files were removed; what is there: %v, %v", n, names, err)
	}
}
