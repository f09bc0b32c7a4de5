// Figures prints measurements of the code layout: how large the packages are, how much
// they export, how their files depend on each other. It fails if a figure exceeds its
// limit.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// limit holds the limits of a package; 0 is no limit.
type limit struct{ lines, names, cycle int }

// limits are those of packages that have been too entangled in the past.
var limits = map[string]limit{
	"helper":         {3400, 68, 1},
	"helper/config":  {2650, 67, 2},
	"helper/home":    {1400, 42, 6},
	"helper/server":  {1250, 21, 4},
	"helper/failure": {200, 16, 1},
	"helper/private": {560, 44, 2},
}

// mostHelper is the limit of code lines of helper and the packages below it.
const mostHelper = 20_300

// mostBytes are the limits of the stripped executables.
const mostEngine, mostAll = 12_500_000, 32_100_000

func run() error {
	all, err := loadAll()
	if err != nil {
		return err
	}
	over := 0
	show := func(what string, value, limit int) {
		mark := ""
		if limit > 0 && value > limit {
			over++
			mark = "  OVER"
		}
		bound := ""
		if limit > 0 {
			bound = fmt.Sprintf("  <= %d", limit)
		}
		fmt.Printf("%-50s %8d%s%s\n", what, value, bound, mark)
	}
	helper := 0
	for _, p := range all {
		if p.path == "helper" || strings.HasPrefix(p.path, "helper/") && !testOnly(p.path) {
			helper += p.codeLines()
		}
		if testOnly(p.path) {
			continue
		}
		l := limits[p.path]
		show(p.path+": code lines", p.codeLines(), l.lines)
		show(p.path+": exported names", p.exportedNames(), l.names)
		show(p.path+": files in the largest cycle, of "+fmt.Sprint(len(p.files)), p.largestCycle(), l.cycle)
	}
	show("helper and below: code lines", helper, mostHelper)
	names := unread(all)
	show("names that only tests read", len(names), 0)
	for _, n := range names {
		fmt.Println("    " + n + "  OVER")
		over++
	}
	engine, together, err := sizes()
	if err != nil {
		return err
	}
	show("credhelper-engine, stripped, bytes", engine, mostEngine)
	show("all executables together, bytes", together, mostAll)
	if over > 0 {
		return fmt.Errorf("%d figures are beyond their limits", over)
	}
	return nil
}

// sizes builds the executables as they are released.
func sizes() (engine, all int, err error) {
	dir, err := os.MkdirTemp("", "figures-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-tags=grpcnotrace,nethttpomithttp2", "-ldflags=-s -w", "-o", dir+"/", "./cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("go build: %w: %s", err, out)
	}
	files, err := filepath.Glob(dir + "/*")
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, 0, err
		}
		all += int(info.Size())
		if filepath.Base(f) == "credhelper-engine" {
			engine = int(info.Size())
		}
	}
	return engine, all, err
}
