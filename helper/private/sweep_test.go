//go:build unix

package private_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

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
