package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/wiring"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/helper/trust"
)

// executables reports where they are, and whether other users could have changed them.
func (x *examination) executables() {
	self, err := handover.Self()
	if err != nil {
		x.fail("engine", err)
		return
	}
	x.add("engine", good, release()+" in "+self, "")
	if _, err := trust.Way(self); err != nil { // on Windows, where it is no reason not to start
		x.add("engine", warn, err.Error(), "install credhelper where only you and administrators can write, such as %LOCALAPPDATA%\\Programs")
	}
	front, missing := handover.Front()
	found, err := x.findProgram("credhelper")
	switch {
	case missing != nil && err != nil:
		x.fail("front", missing)
		return
	case missing != nil:
		front = found
	case err != nil:
		x.add("front", note, "credhelper is not in PATH; tools find it by its full path only", "add "+filepath.Dir(front)+" to PATH")
	default:
		if real, err := filepath.EvalSymlinks(found); err == nil && real != front {
			x.add("front", note, "PATH finds "+found+", this one is "+front, "")
		}
	}
	x.sameRelease("front", front)
}

// plugin reports whether connectors and the door would find their executable. No
// other program needs it.
func (x *examination) plugin() {
	path, err := handover.Find(handover.Plugin)
	if err != nil {
		x.add("plugin", note, err.Error()+"; only plugin, proxy and lend need it", "")
		return
	}
	x.sameRelease("plugin", path)
}

// sameRelease compares the release of another executable with this one's.
func (x *examination) sameRelease(check, path string) {
	info, err := readBuildInfo(path)
	switch {
	case err != nil:
		x.add(check, note, path+": "+err.Error(), "")
	case info.Main.Version != builtFrom().Main.Version: // which is the same of all that are built of one source archive
		x.add(check, note, info.Main.Version+" in "+path+", another release than the engine", "install all three files of one release")
	default:
		x.add(check, good, release()+" in "+path, "")
	}
}

// places reports the directories, their owners, and who can access them (T1).
func (x *examination) places() {
	x.present("config", x.dirs.Config)
	for _, finding := range x.helper.Unguarded() {
		x.add("config", warn, finding, "")
	}
	for _, place := range [...]struct{ check, path string }{{"data", x.dirs.Data}, {"state", x.dirs.State}, {"run", x.dirs.Run()}, {"locks", x.dirs.Locks()}} {
		open := private.Enter
		if place.check == "run" || place.check == "locks" {
			open = private.Find
		}
		dir, err := open(place.path)
		switch {
		case err == nil:
			dir.Close()
			x.present(place.check, place.path)
		case errors.Is(err, fs.ErrNotExist):
			x.present(place.check, place.path)
		default:
			x.add(place.check, bad, err.Error(), "")
		}
	}
}

// present records a directory and its mode, or that it cannot be written: then only what is
// there already can be used.
func (x *examination) present(check, path string) {
	info, err := os.Stat(path)
	unwritable := trust.Writable(path)
	switch {
	case unwritable != nil && (err == nil || errors.Is(err, fs.ErrNotExist)):
		x.add(check, warn, "cannot "+unwritable.Error(), "")
	case errors.Is(err, fs.ErrNotExist):
		x.add(check, good, path+" (not there yet)", "")
	case err != nil:
		x.fail(check, err)
	case !info.IsDir():
		x.add(check, bad, path+" is not a directory", "")
	case windows: // which has no modes
		x.add(check, good, path, "")
	default:
		x.add(check, good, fmt.Sprintf("%s (%04o)", path, info.Mode().Perm()), "")
	}
}

// tools checks the work of setup: whether the links, and the paths in the configuration
// of tools, still lead to a credhelper, and to this one.
func (x *examination) tools() {
	place, err := x.setupPlace(x.ctx, nil, setupFlags{remove: true})
	if err != nil {
		return // the installation itself is wrong, which is already reported
	}
	if text, mend := wiring.Storing(place); text != "" {
		x.add("git", note, text, mend)
	}
	here, all := 0, wiring.Paths(place)
	for _, path := range all {
		switch {
		case path.Here:
			here++
		case path.Gone:
			x.add("tools", bad, path.Text, path.Mend)
		default:
			x.add("tools", note, path.Text, path.Mend)
		}
	}
	if here > 0 && here == len(all) {
		x.add("tools", good, fmt.Sprintf("every path in links and tools' files leads here (%d)", here), "")
	}
}
