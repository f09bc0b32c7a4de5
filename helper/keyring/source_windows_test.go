package keyring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoProgram: a file that Windows does not start is called that; Go's own words are that
// it was not found in PATH.
func TestNoProgram(t *testing.T) {
	script := filepath.Join(t.TempDir(), "print-secret")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := RunCommand(t.Context(), []string{script}, Surroundings{})
	if err == nil || !strings.Contains(err.Error(), "its name does not end in .exe, .bat or .cmd") || strings.Contains(err.Error(), "PATH") {
		t.Error(err)
	}
}
