//go:build unix

package trust

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A user who can write to a directory can replace its files, also by symbolic links. So
// an executable or a state directory is only as safe as every directory above it, and a
// symbolic link is followed only if it belongs to root or us.

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

// Way checks path, which must be absolute, and every directory and link on it: each
// must belong to root or us, and no one else can write to it. It returns the path with
// links resolved. An element that fails is ErrUnsafe, with its name. At a missing or
// inaccessible element the check ends: opening the path will report it.
func Way(path string) (string, error) { return way(thisDisk(), path) }

func way(d disk, path string) (string, error) {
	w, err := d.walk(path)
	if err == nil {
		err = cmp.Or(w.link, w.shared)
	}
	return w.real, err
}

// StateWay is Way for a directory of ours, which is checked separately. On a
// world-writable volume, such as an emptyDir of Kubernetes, others can remove it but
// not replace it by another one that belongs to us.
func StateWay(path string) (string, error) {
	d := thisDisk()
	d.volumes = true
	return way(d, path)
}

// A node is the lstat result of one element of a path.
type node struct {
	mode, uid, gid uint32
	dev, ino       uint64
}

// A disk is the file system on which a path is checked, and whom we trust there.
type disk struct {
	lstat    func(path string) (node, error)
	readlink func(path string) (string, error)
	volumes  bool // a world-writable mount point of root's is accepted
	trust
}

func thisDisk() disk { return disk{lstat: lstat, readlink: os.Readlink, trust: us()} }

// A walk is the result of following a path.
type walk struct {
	real   string // the path with links resolved
	end    node   // the node at its end; zero if it could not be read
	link   error  // the first foreign symbolic link
	shared error  // the first element that others can replace

	nowhere bool // a symbolic link is dangling
}

// maxLinks is the maximum number of symbolic links on a path, as in Linux.
const maxLinks = 40

func (d disk) walk(path string) (w walk, err error) {
	if !strings.HasPrefix(path, "/") {
		return w, Unsafe(path, "is not an absolute path")
	}
	todo, links := "."+path, 0
	asked := len(todo) // how much of todo, at its end, comes from the original path
	var above node     // the directory that contains the next element
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
				w.shared = Unsafe(next, text)
			}
			above, w.end = n, n
			w.real = strings.TrimSuffix(next, "/")
			continue
		}
		if text := d.owner(n); text != "" && w.link == nil {
			w.link = Unsafe(next, "is a link that "+text)
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

// trust says whose files we trust.
type trust struct {
	uid  uint32
	root func() uint32         // the owner that root's files seem to have; nil: root. Called only for files of others
	ours func(gid uint32) bool // reports whether a group has no other members
}

// sticky reports whether n is a directory in which others cannot replace our files.
func (n node) sticky() bool {
	return n.mode&(unix.S_IFMT|unix.S_ISVTX) == unix.S_IFDIR|unix.S_ISVTX
}

// foreign returns why another user than root and us could replace n or its content; ""
// if none could. In a sticky directory others cannot replace our files.
func (t trust) foreign(n node) string {
	if text := t.owner(n); text != "" {
		return text
	}
	if n.sticky() {
		return ""
	}
	return t.writers(n)
}

// writers returns that others can write n; "" if they cannot. A sticky directory is meant to
// be written by everybody, so there is nothing to mend.
func (t trust) writers(n node) string {
	if n.mode&0o022 == 0 || n.mode&0o002 == 0 && t.ours(n.gid) {
		return ""
	}
	if n.sticky() {
		return "has mode 0" + strconv.FormatUint(uint64(n.mode&0o1777), 8) + ": others can write it"
	}
	return "has mode 0" + strconv.FormatUint(uint64(n.mode&0o777), 8) + ": others can write it; chmod go-w it, once you know why"
}

func (t trust) owner(n node) string {
	if n.uid == 0 || n.uid == t.uid || t.root != nil && n.uid == t.root() {
		return ""
	}
	return "belongs to uid " + strconv.FormatUint(uint64(n.uid), 10) + ", neither root nor you"
}

// ForeignOwner returns whose a file is if it is neither root's nor ours; else "".
func ForeignOwner(st *unix.Stat_t) string { return us().owner(nodeOf(st)) }

// ForeignWriter returns why another user than root and us could replace a file in a
// directory; "" if none could. In a sticky one anyone can take a free name.
func ForeignWriter(st *unix.Stat_t) string {
	n, t := nodeOf(st), us()
	if text := t.owner(n); text != "" {
		return text
	}
	return t.writers(n)
}

// us returns the trust of this process.
func us() trust { return trust{uid: uint32(unix.Geteuid()), root: seemingRoot, ours: ownGroup} }

// seemingRoot returns the owner that root's files seem to have: the overflow uid in a
// user namespace that does not map root, else root. It reads files, which would slow
// down every answer from the cache, so it is called only if the owner is neither root
// nor us.
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
// it maps a single user who is not root outside: then that user appears as 0 (unshare -r),
// and root is not mapped.
func mapsRoot(uids string) bool {
	found, itself, mapped := false, false, uint64(0)
	for line := range strings.Lines(uids) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		n, _ := strconv.ParseUint(fields[2], 10, 32)
		if fields[0] == "0" && n > 0 {
			found, itself = true, fields[1] == "0"
		}
		mapped += n
	}
	return found && (mapped > 1 || itself)
}

func lstat(path string) (node, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	for err == unix.EINTR { // as a network's file system may return it
		err = unix.Lstat(path, &st)
	}
	return nodeOf(&st), err
}

func nodeOf(st *unix.Stat_t) node {
	return node{uint32(st.Mode), st.Uid, st.Gid, uint64(st.Dev), st.Ino}
}
