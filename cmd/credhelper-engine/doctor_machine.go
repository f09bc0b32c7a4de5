package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/wiring"
)

// executables: where they are and whether others could have changed them.
func (x *examination) executables() {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		x.fail("engine", err)
		return
	}
	x.add("engine", good, release()+" in "+self, "")
	front := filepath.Join(filepath.Dir(self), "credhelper")
	if filepath.Base(filepath.Dir(self)) == "libexec" && !exists(front) {
		front = filepath.Join(filepath.Dir(filepath.Dir(self)), "bin", "credhelper")
	}
	found, err := x.findProgram("credhelper")
	switch {
	case err != nil:
		x.add("front", note, "credhelper is not in PATH; tools find it by its full path only", "add "+filepath.Dir(front)+" to PATH")
	default:
		if real, err := filepath.EvalSymlinks(found); err == nil && real != front && exists(front) {
			x.add("front", note, "PATH finds "+found+", this one is "+front, "")
			return
		}
		x.sameRelease("front", found)
	}
}

// plugin: whether connectors of go-plugin would find theirs. Nobody else needs it.
func (x *examination) plugin() {
	path, err := handover.Find(handover.Plugin)
	if err != nil {
		x.add("plugin", note, err.Error()+"; only connectors that use go-plugin need it", "")
		return
	}
	x.sameRelease("plugin", path)
}

// sameRelease compares the release of another executable with this one's.
func (x *examination) sameRelease(check, path string) {
	info, err := buildinfo.ReadFile(path)
	switch {
	case err != nil:
		x.add(check, note, path+": "+err.Error(), "")
	case info.Main.Version != release():
		x.add(check, note, info.Main.Version+" in "+path+", another release than the engine", "install all three files of one release")
	default:
		x.add(check, good, info.Main.Version+" in "+path, "")
	}
}

// places: where everything is, whose it is, and who can reach it (T1).
func (x *examination) places() {
	for _, place := range [...]struct {
		check, path string
		private     bool
	}{
		{"config", x.dirs.Config, false},
		{"data", x.dirs.Data, true},
		{"state", x.dirs.State, true},
		{"run", x.dirs.Run(), true},
	} {
		info, err := os.Lstat(place.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			x.add(place.check, good, place.path+" (not there yet)", "")
		case err != nil:
			x.fail(place.check, err)
		case info.Mode()&fs.ModeSymlink != 0 && place.private:
			x.add(place.check, bad, place.path+" is a link", "put a directory in its place")
		default:
			x.mode(place.check, place.path, place.private)
		}
	}
}

func (x *examination) mode(check, path string, private bool) {
	info, err := os.Stat(path)
	if err != nil {
		x.fail(check, err)
		return
	}
	mode, forbidden := info.Mode().Perm(), fs.FileMode(0o022)
	if private {
		forbidden = 0o077
	}
	switch {
	case !info.IsDir():
		x.add(check, bad, path+" is not a directory", "")
	case windows || mode&forbidden == 0 && ownedByUs(info):
		x.add(check, good, fmt.Sprintf("%s (%04o)", path, mode), "")
	case !ownedByUs(info):
		x.add(check, bad, path+" belongs to another user", "")
	default:
		x.add(check, bad, fmt.Sprintf("%s has mode %04o: others can reach it", path, mode), "once you know why: chmod go-rwx "+path)
	}
}

// tools checks what setup has wired: whether the links, and the paths that tools'
// files name, still lead to a credhelper, and to this one.
func (x *examination) tools() {
	place, err := x.setupPlace(x.ctx, nil, setupFlags{remove: true})
	if err != nil {
		return // the installation itself is wrong, and said to be
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
		x.add("tools", good, fmt.Sprintf("%d paths in links and tools' files lead here", here), "")
	}
}
