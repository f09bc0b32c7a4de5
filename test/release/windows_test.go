//go:build release

package release

import (
	"bytes"
	"debug/pe"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWindowsAlone: what is built for Windows loads nothing but a library of Windows, and
// brings none along. The tests under Wine build with an overlay and beside a library of
// their own (scripts/test-windows), of which a release knows nothing: TestReproducible
// compares it with one that was made elsewhere.
func TestWindowsAlone(t *testing.T) {
	zips, err := filepath.Glob(filepath.Join(dist, "credhelper_*_windows_*.zip"))
	if err != nil || len(zips) == 0 {
		t.Fatalf("no archive for Windows: %v", err)
	}
	for _, path := range zips {
		executables := 0
		for name, e := range unpacked(t, filepath.Base(path)) {
			if strings.HasSuffix(name, ".dll") {
				t.Errorf("%s has %s", path, name)
			}
			if !strings.HasSuffix(name, ".exe") {
				continue
			}
			executables++
			program, err := pe.NewFile(bytes.NewReader(e.content))
			if err != nil {
				t.Fatal(err)
			}
			loads, err := program.ImportedLibraries()
			symbols, _ := program.ImportedSymbols()
			for _, symbol := range symbols {
				if _, library, _ := strings.Cut(symbol, ":"); !strings.EqualFold(library, "kernel32.dll") {
					t.Errorf("%s: %s imports %s", path, name, symbol)
				}
			}
			if err != nil || len(symbols) < 20 || slices.ContainsFunc(loads, func(l string) bool { return !strings.EqualFold(l, "kernel32.dll") }) {
				t.Errorf("%s: %s loads %q and %d functions, %v", path, name, loads, len(symbols), err)
			}
		}
		if executables < 3 {
			t.Errorf("%s has %d executables", path, executables)
		}
	}
}
