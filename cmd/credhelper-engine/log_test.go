package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/logfile"
)

// TestLogPieces: a log of whichever size is shown with little memory, and each line once.
func TestLogPieces(t *testing.T) {
	stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	const lines = 10
	out := logOutput{session: &session{stdout: stdout, flags: commonFlags{json: true}}}
	for range lines {
		out.add(logfile.Record{Event: "fetch", Profile: "jama", Text: strings.Repeat("x", longestPiece/3)})
		if out.lines.Len() >= longestPiece {
			t.Fatalf("%d bytes are held", out.lines.Len())
		}
	}
	err = out.end()
	text, readErr := os.ReadFile(stdout.Name())
	if err != nil || readErr != nil || strings.Count(string(text), "fetch") != lines || strings.Count(string(text), "\n") != lines {
		t.Errorf("%d bytes with %d lines: %v, %v", len(text), strings.Count(string(text), "\n"), err, readErr)
	}
	stdout.Close()
	if out.add(logfile.Record{}); out.end() == nil {
		t.Error("what cannot be printed is no error")
	}
}
