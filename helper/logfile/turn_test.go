package logfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/credhelper/credhelper/helper/private"
)

// TestTurn: a log beyond its limit is turned over by the program that has it open, on every
// system, and the older one is replaced.
func TestTurn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	d, err := private.Make(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	w := &Writer{Path: filepath.Join(dir, "log")}
	record := Record{Event: "hit", Text: "a line of some length"}
	for range 5 {
		if err := w.Append(100, record); err != nil {
			t.Fatal(err)
		}
	}
	w.close()
	line := int64(len(record.appendJSON(nil)))
	for name, lines := range map[string]int64{"log": 1, "log" + Older: 2} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() != lines*line {
			t.Errorf("%s: %v, want %d bytes, %v", name, info, lines*line, err)
		}
	}
}
