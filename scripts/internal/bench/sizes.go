package main

import (
	"debug/elf"
	"debug/gosym"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/credhelper/credhelper/internal/program"
)

// sizes are those of the executables, stripped. Every miss and every command maps and
// initializes what the engine links.
func (b *bench) sizes() ([]figure, error) {
	const engineBound, allBound, format = 12.5, 30.5, "%.1f MB"
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
	figures := []figure{
		{name: "size of credhelper-engine, stripped", value: engine, format: format, bound: engineBound},
		{name: "size of all three executables, stripped", value: all, format: format, bound: allBound},
	}
	const name, pools = "code of the packages for pools in ", "github.com/credhelper/credhelper/helper/pool" // and helper/pools
	inEngine, err := codeOf(filepath.Join(b.dir, "credhelper-engine"), pools)
	if err == nil && inEngine == 0 {
		err = errors.New("the engine has no code for pools: this figure is blind")
	}
	if err != nil {
		return nil, err
	}
	inFront, err := codeOf(filepath.Join(b.dir, "credhelper"), pools)
	return append(figures,
		figure{name: name + "credhelper-engine", value: inEngine, format: "%.0f KB", bound: 150},
		figure{name: name + "credhelper", value: inFront, format: "%.0f KB", exact: true},
	), err
}

// codeOf returns how much code of packages an executable of Linux has, in KB.
func codeOf(path, packages string) (size float64, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	text, lines := file.Section(".text"), file.Section(".gopclntab")
	if text == nil || lines == nil {
		return 0, errors.New(path + ": no executable of Go")
	}
	content, err := lines.Data()
	if err != nil {
		return 0, err
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(content, text.Addr))
	if err != nil {
		return 0, err
	}
	if len(table.Funcs) == 0 {
		return 0, errors.New(path + ": no functions")
	}
	for _, f := range table.Funcs {
		if strings.HasPrefix(f.Name, packages) {
			size += float64(f.End-f.Entry) / 1000
		}
	}
	return size, nil
}
