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

	"github.com/credhelper/credhelper/internal/program"
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
	"helper":            {3154, 58, 1}, // the old token is known by itself, where a new one was asked for
	"helper/config":     {2305, 50, 1}, // an address is refused by what was typed; a draft has no lines
	"helper/configfile": {465, 23, 1},  // a key can be an address with a password in it
	"helper/home":       {1200, 36, 5},
	"helper/pools":      {0, 21, 1},    // doctor asks whether there is a token
	"helper/server":     {1421, 24, 4}, // after a failed login Vault is left alone; what a runner gave is told
	"helper/failure":    {156, 14, 1},  // a full disk is nothing for doctor
	"helper/private":    {533, 40, 2},

	"cmd/credhelper-engine": {0, 0, 7},
}

// mostHelper is the limit of code lines of helper and the packages below it, mostOld that
// of what is older than the files and packages in newer.
const mostHelper, mostOld = 24_519, 17_893

// newer are files and packages below helper for what credhelper did not do at all when
// this program was written: the guests of the door, Vault, the runner of an Actions job,
// plugins of age, pools of hosts, several subjects of one profile, narrowed requests,
// hosts that nobody owns. The lines without them show whether the rest grows.
var newer = []string{
	"helper/guest/", "helper/dooritems.go", "helper/config/vault.go", "helper/server/vault.go", "helper/server/vault_login.go",
	"helper/server/github.go", "helper/keyring/plugin.go", "helper/keyring/plugin_stanza.go", "helper/keyring/file_plugin.go",
	"helper/oauth/grant_given.go", "helper/subject.go", "helper/cache/subject.go", "helper/narrow.go", "helper/config/narrow.go",
	"helper/pool/", "helper/pools/", "helper/obtain.go", "helper/server/asker.go", "helper/server/store.go", "helper/server/kubernetes.go",
	"helper/config/pool.go", "helper/config/poolprofile.go", "helper/hosts.go", "helper/cache/hosts.go", "helper/cache/origins.go", "helper/config/namedhosts.go",
}

// mostBytes are the limits of the stripped executables.
const mostEngine, mostAll = 12_500_000, 30_500_000

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
		fmt.Printf("%-56s %8d%s%s\n", what, value, bound, mark)
	}
	helper, old := 0, 0
	for _, p := range all {
		if p.path == "helper" || strings.HasPrefix(p.path, "helper/") && !testOnly(p.path) {
			helper += p.codeLines()
			old += p.codeLinesBut(newer)
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
	show("helper and below, without what is newer: code lines", old, mostOld)
	for _, name := range newer {
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("newer names a file that is gone: %w", err)
		}
	}
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
	cmd := exec.Command("go", append(append([]string{"build"}, program.Flags("linux", "amd64")...), "-o", dir+"/", "./cmd/...")...)
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
