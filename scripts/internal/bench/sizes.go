package main

import (
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/internal/program"
)

// sizes are those of the executables, stripped. Every miss and every command maps and
// initializes what the engine links.
func (b *bench) sizes() ([]figure, error) {
	const engineBound, allBound, format = 12.5, 32.1, "%.1f MB"
	all, engine := 0.0, 0.0
	for _, name := range program.Executables {
		info, err := os.Stat(filepath.Join(b.dir, name))
		if err != nil {
			return nil, err
		}
		size := float64(info.Size()) / 1e6
		if all += size; name == "credhelper-engine" {
			engine = size
		}
	}
	return []figure{
		{name: "size of credhelper-engine, stripped", value: engine, format: format, bound: engineBound},
		{name: "size of all three executables, stripped", value: all, format: format, bound: allBound},
	}, nil
}
