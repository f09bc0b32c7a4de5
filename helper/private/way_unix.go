//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Who can write a directory can put another file, or a link, in the place of what
// it holds. So what we run, and where we keep our state, is only as good as each
// directory of the way to it; and a link counts only if root or we made it.

// Writable fails if nothing can be written in the directory at path or, where that is
// still to be made, in the nearest one above it: so it is known before a person types a
// secret that is lost then.
func Writable(path string) error {
	for {
		err := unix.Access(path, unix.W_OK|unix.X_OK)
		if err == nil {
			return nil
		}
		parent := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || parent == path {
			return &fs.PathError{Op: "write in", Path: path, Err: err}
		}
		path = parent
	}
}

// Way checks the way to path, and path itself, which must be absolute: root or we
// own each part, and nobody else can write it. It returns the path without links.
// A part that is not as it should be is ErrUnsafe, and named; a part that is
// missing, or that we may not look at, ends the walk: opening it says so.
func Way(path string) (string, error) { return way(thisDisk(), path) }

func way(d disk, path string) (string, error) {
	w, err := d.walk(path)
	if err == nil {
		err = first(w.link, w.shared)
	}
	return w.real, err
}

// stateWay is Way to a directory of ours, which is checked for itself: on a volume
// that anybody may write, as Kubernetes gives an emptyDir, others can remove it but
// not put another one of ours in its place.
func stateWay(path string) (string, error) {
	d := thisDisk()
	d.volumes = true
	return way(d, path)
}

// A node is what lstat says of one part of a way.
type node struct {
	mode, uid, gid uint32
	dev, ino       uint64
}

// A disk is where a way is walked, and whom we trust there.
type disk struct {
	lstat    func(path string) (node, error)
	readlink func(path string) (string, error)
	volumes  bool // where root mounts something that anybody may write, that is safe
	trust
}

func thisDisk() disk { return disk{lstat: lstat, readlink: os.Readlink, trust: us()} }

// A walk is what was found on a way.
type walk struct {
	real   string // the path without links
	end    node   // what it leads to; zero if that could not be looked at
	link   error  // the first link that is somebody else's
	shared error  // the first part that somebody else can replace

	nowhere bool // a link leads to what is not there
}

// maxLinks is how many links a way may have, as Linux counts.
const maxLinks = 40

func (d disk) walk(path string) (w walk, err error) {
	if !strings.HasPrefix(path, "/") {
		return w, unfit(path, "is not an absolute path")
	}
	todo, links := "."+path, 0
	asked := len(todo) // how much of todo, at its end, was in no link
	var above node     // of the directory that holds the next part
	for todo != "" {
		var part string
		part, todo, _ = strings.Cut(todo, "/")
		next := w.real + "/" + part
		switch part {
		case "":
			continue
		case ".":
			if w.real != "" {
				continue
			}
			next = "/"
		case "..":
			w.real = w.real[:max(strings.LastIndexByte(w.real, '/'), 0)]
			above = node{}
			continue
		}
		n, err := d.lstat(next)
		if err != nil {
			w.real, w.end = strings.TrimSuffix(next+"/"+todo, "/"), node{}
			w.nowhere = links > 0 && len(todo) >= asked && errors.Is(err, fs.ErrNotExist)
			return w, nil
		}
		if n.mode&unix.S_IFMT != unix.S_IFLNK {
			volume := d.volumes && above.ino != 0 && n.dev != above.dev && n.uid == 0
			if text := d.foreign(n); text != "" && w.shared == nil && !volume {
				w.shared = unfit(next, text)
			}
			above, w.end = n, n
			w.real = strings.TrimSuffix(next, "/")
			continue
		}
		if text := d.owner(n); text != "" && w.link == nil {
			w.link = unfit(next, "is a link that "+text)
		}
		to, err := d.readlink(next)
		if links++; err == nil && links > maxLinks {
			err = unix.ELOOP
		}
		if err != nil {
			return w, &fs.PathError{Op: "readlink", Path: next, Err: err}
		}
		asked = min(asked, len(todo))
		if todo = to + "/" + todo; to[0] == '/' {
			w.real, todo = "", "."+todo
		}
	}
	if w.real == "" {
		w.real = "/"
	}
	return w, nil
}

// trust is whose files we take for ours.
type trust struct {
	uid  uint32
	root func() uint32         // whom root's files seem to belong to; nil: to root. Only asked of files of others
	ours func(gid uint32) bool // reports whether nobody else is in a group
}

// foreign says why somebody else than root and we could replace what n is, or what
// it holds; "" if nobody could. In a sticky directory nobody replaces what is ours.
func (t trust) foreign(n node) string {
	if text := t.owner(n); text != "" {
		return text
	}
	sticky := n.mode&(unix.S_IFMT|unix.S_ISVTX) == unix.S_IFDIR|unix.S_ISVTX
	if sticky || n.mode&0o022 == 0 || n.mode&0o002 == 0 && t.ours(n.gid) {
		return ""
	}
	return "has mode 0" + strconv.FormatUint(uint64(n.mode&0o777), 8) + ": others can write it; chmod go-w it, once you know why"
}

func (t trust) owner(n node) string {
	if n.uid == 0 || n.uid == t.uid || t.root != nil && n.uid == t.root() {
		return ""
	}
	return "belongs to uid " + strconv.FormatUint(uint64(n.uid), 10) + ", neither root nor you"
}

// us is this process.
func us() trust { return trust{uid: uint32(unix.Geteuid()), root: seemingRoot, ours: ownGroup} }

// seemingRoot is whom root's files seem to belong to: the overflow uid in a user
// namespace that root is not part of, else root. It reads files, which every cached
// answer would pay for, so it is asked only when the owner is neither root nor us.
func seemingRoot() uint32 {
	uids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil || mapsRoot(string(uids)) {
		return 0
	}
	if text, err := os.ReadFile("/proc/sys/kernel/overflowuid"); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32); err == nil {
			return uint32(n)
		}
	}
	return 65534
}

// mapsRoot reports whether a uid_map (user_namespaces(7)) has a line for uid 0, unless
// it maps one user alone: then we are called 0 (unshare -r), and root is left outside.
func mapsRoot(uids string) bool {
	found, mapped := false, uint64(0)
	for line := range strings.Lines(uids) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		n, _ := strconv.ParseUint(fields[2], 10, 32)
		found = found || fields[0] == "0" && n > 0
		mapped += n
	}
	return found && mapped > 1
}

func lstat(path string) (node, error) {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Lstat(path, &st) })
	return nodeOf(&st), err
}

func nodeOf(st *unix.Stat_t) node {
	return node{uint32(st.Mode), st.Uid, st.Gid, uint64(st.Dev), st.Ino}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
