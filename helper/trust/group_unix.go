//go:build unix

package trust

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownGroup reports whether a group has no members but root and us, so that a directory
// or file which it can write to is still ours: the user's own group that goes with
// umask 002, a group of volumes (Kubernetes' fsGroup), or an empty one of the system
// (Debian's staff). On macOS the administrators are in admin and wheel, and Homebrew's
// directories belong to these.
func ownGroup(gid uint32) bool {
	if runtime.GOOS == "darwin" {
		const wheel, admin = 0, 80
		if gid == wheel || gid == admin {
			return true
		}
	}
	users, _ := os.ReadFile("/etc/passwd")
	groups, _ := os.ReadFile("/etc/group")
	services, _ := os.ReadFile("/etc/nsswitch.conf")
	p := people{string(users), string(groups), string(services)}
	return p.alone(int64(unix.Geteuid()), int64(unix.Getgid()), int64(gid))
}

// people are the users and groups of the machine: passwd(5), group(5),
// nsswitch.conf(5).
type people struct{ passwd, group, services string }

// alone reports whether user uid is the only member of the group gid. primary is the
// user's group if passwd does not list the user.
func (p people) alone(uid, primary, gid int64) bool {
	me := find(p.passwd, uid)
	group := find(p.group, gid)
	if me.name != "" {
		primary = number(me.rest)
	}
	if gid == primary && (group.name == me.name && me.name != "" || me.name == "" && gid == uid) {
		return true // the user's own group, whose members the user decides
	}
	if !p.complete() {
		return false
	}
	for member := range strings.SplitSeq(group.rest, ",") {
		if member != "" && member != "root" && member != me.name {
			return false
		}
	}
	for line := range strings.Lines(p.passwd) {
		if e := entryOf(line); number(e.rest) == gid && e.id > 0 && e.id != uid {
			return false
		}
	}
	return true
}

// complete reports whether all users and groups are in these files, and none in a
// network directory.
func (p people) complete() bool {
	for line := range strings.Lines(p.services) {
		database, sources, _ := strings.Cut(line, ":")
		if database = strings.TrimSpace(database); database != "passwd" && database != "group" && database != "initgroups" {
			continue
		}
		for _, source := range strings.Fields(sources) {
			switch source {
			case "files", "compat", "systemd", "altfiles", "mymachines":
			default:
				if source[0] != '[' && source[0] != '#' {
					return false
				}
			}
		}
	}
	return runtime.GOOS == "linux" // macOS keeps most of them elsewhere
}

// An entry is a line of passwd, whose rest begins with the id of the user's group, or
// of group, whose rest is its members.
type entry struct {
	name string
	id   int64
	rest string
}

func entryOf(line string) (e entry) {
	f := strings.Split(strings.TrimSpace(line), ":")
	if len(f) < 4 {
		return entry{id: -1, rest: "-"}
	}
	return entry{f[0], number(f[2]), f[3]}
}

// find returns the entry with an id; its name is empty if there is none.
func find(file string, id int64) entry {
	for line := range strings.Lines(file) {
		if e := entryOf(line); e.id == id {
			return e
		}
	}
	return entry{}
}

// number returns -1 for anything but a number.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
