package main

import (
	"errors"
	"os"
	"testing"
)

// TestFindProgram: relative directories of PATH are the current directory in
// disguise (T5).
func TestFindProgram(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := errors.Join(os.Mkdir("bin", 0o755), os.WriteFile("decoy", []byte("#!/bin/sh\n"), 0o755),
		os.WriteFile("bin/decoy", []byte("#!/bin/sh\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for path, found := range map[string]bool{"": false, ".": false, "::": false, "./": false, "bin": false, "./bin:bin/": false, dir: true, ".:" + dir: true} {
		s := &session{environ: []string{"PATH=" + path}}
		program, err := s.findProgram("decoy")
		if (err == nil) != found || found && program != dir+"/decoy" {
			t.Errorf("PATH=%s: %q, %v", path, program, err)
		}
	}
}
