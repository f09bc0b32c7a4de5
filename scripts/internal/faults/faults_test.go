package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// found are the faults of the first release that have a number: by an attacker's reading
// (S), acceptance runs (A-), other platforms (P), the peers' code (X), and the public
// reports of other tools' users (A1 to I3).
const found = `P1 P2 P3 S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S25
A-B09 A-B15 A-D01 A-D06 A-D12 A-D15 A-D17 A-D18 A-D19 A-E05 A-E16 A-E16a A-E16b A-F03 E07 E14 X1 X2 X3 X4 X5 X6
A1 A2 A3 A4 B1 C1 C2 C3 C4 C5 C6 C7 C8 C12 C13 C14 C15 D1 D2 D3 D4 E1 E2 E3 F1 F2 G1 G2 G4 G5 G6 G7 G8 H1 H2 H3 H5 I1 I3`

// TestRows: each fault has a test, and each test in the lists exists.
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
	for _, id := range strings.Fields(found) {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.id == id }) {
			t.Errorf("no test of %s", id)
		}
	}
}
