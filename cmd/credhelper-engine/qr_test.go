package main

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// TestQR: every module of the code is drawn where it belongs, with a border around it. A
// terminal without half blocks gets no code, nor does a text that is too wide for every
// terminal.
func TestQR(t *testing.T) {
	const text = "https://login.example.com/device?user_code=WDJB-MJHT"
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(drawQR(text, false), "\n"), "\n")
	if want := (code.Size + 2*quiet + 1) / 2; len(lines) != want {
		t.Fatalf("%d lines, want %d", len(lines), want)
	}
	for y := range code.Size {
		row := []rune(lines[(y+quiet)/2])
		for x := range code.Size {
			cell := row[x+quiet]
			light := cell == '\u2588' || cell == '\u2580' && (y+quiet)%2 == 0 || cell == '\u2584' && (y+quiet)%2 == 1
			if light == code.Black(x, y) {
				t.Fatalf("module %d,%d is drawn %q", x, y, cell)
			}
		}
	}
	if border := []rune(lines[0]); strings.Trim(string(border), "\u2588") != "" {
		t.Errorf("no border: %q", lines[0])
	}
	if out := drawQR(text, true); strings.Count(out, "\x1b[37;40m") != strings.Count(out, "\x1b[0m") {
		t.Error("a colour is left on")
	}
	if (screen{}).qr(text) != "" || drawQR(strings.Repeat("x", 2000), false) != "" {
		t.Error("drawn where it cannot be read")
	}
}
