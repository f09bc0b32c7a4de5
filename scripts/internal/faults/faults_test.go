package main

import (
	"os"
	"testing"
)

// TestRows: each fault on file names a test that is there.
func TestRows(t *testing.T) {
	t.Chdir("../../..")
	if _, err := os.Stat("go.mod"); err != nil {
		t.Fatal(err)
	}
	rows, err := load("scripts/internal/faults")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkNames(rows); err != nil {
		t.Error(err)
	}
}
