//go:build unix

package trust

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// place is what a fake disk has at a path.
type place struct {
	mode uint32
	uid  uint32
	gid  uint32
	to   string // where a link leads
	dev  uint64
}

func dir(mode, uid, gid uint32) place { return place{mode: unix.S_IFDIR | mode, uid: uid, gid: gid} }
func file(mode, uid uint32) place     { return place{mode: unix.S_IFREG | mode, uid: uid} }
func link(to string, uid uint32) place {
	return place{mode: unix.S_IFLNK | 0o777, uid: uid, to: to}
}

// volume is a directory that something else is mounted on.
func volume(mode, uid uint32) place { p := dir(mode, uid, 0); p.dev = 7; return p }

// fake is a disk of those places; what is above them is root's, 0755.
func fake(places map[string]place, t trust) disk {
	return disk{
		lstat: func(path string) (node, error) {
			p, ok := places[path]
			for known := range places {
				if !ok && (path == "/" || strings.HasPrefix(known, path+"/")) {
					p, ok = dir(0o755, 0, 0), true
				}
			}
			if !ok {
				return node{}, fs.ErrNotExist
			}
			return node{p.mode, p.uid, p.gid, p.dev, uint64(len(path))}, nil
		},
		readlink: func(path string) (string, error) { return places[path].to, nil },
		trust:    t,
	}
}

// TestWay (T5): who else could put another file in the place of the last one. We
// are user 1000, whose own group is 1000.
func TestWay(t *testing.T) {
	us := trust{uid: 1000, ours: func(gid uint32) bool { return gid == 1000 || gid == 0 }}
	contained := trust{uid: 1000, root: func() uint32 { return 65534 }, ours: us.ours}
	for _, c := range []struct {
		name    string
		trust   trust
		path    string
		places  map[string]place
		finding string // "": safe
		real    string // "": as path
	}{
		{"a home", us, "/home/me/bin/vault", map[string]place{
			"/home/me": dir(0o700, 1000, 1000), "/home/me/bin": dir(0o755, 1000, 1000), "/home/me/bin/vault": file(0o755, 1000)}, "", ""},
		{"umask 002, one's own group", us, "/home/me/bin/vault", map[string]place{
			"/home/me": dir(0o775, 1000, 1000), "/home/me/bin/vault": file(0o755, 1000)}, "", ""},
		{"umask 002, a group of several", us, "/home/me/bin/vault", map[string]place{
			"/home/me": dir(0o775, 1000, 100), "/home/me/bin/vault": file(0o755, 1000)}, "/home/me has mode 0775", ""},
		{"a directory that all can write", us, "/opt/tools/vault", map[string]place{
			"/opt/tools": dir(0o777, 0, 0), "/opt/tools/vault": file(0o755, 0)}, "/opt/tools has mode 0777", ""},
		{"a sticky one", us, "/tmp/me/vault", map[string]place{
			"/tmp": dir(0o1777, 0, 0), "/tmp/me": dir(0o700, 1000, 1000), "/tmp/me/vault": file(0o755, 1000)}, "", ""},
		{"somebody else's file in a sticky one", us, "/tmp/vault", map[string]place{
			"/tmp": dir(0o1777, 0, 0), "/tmp/vault": file(0o755, 1001)}, "/tmp/vault belongs to uid 1001", ""},
		{"a sticky file is not a sticky directory", us, "/opt/vault", map[string]place{
			"/opt/vault": file(0o1777, 0)}, "/opt/vault has mode 0777", ""},
		{"another user's home", us, "/home/other/bin/vault", map[string]place{
			"/home/other": dir(0o755, 1001, 1001), "/home/other/bin/vault": file(0o755, 0)}, "/home/other belongs to uid 1001", ""},
		{"another user's link to our file", us, "/srv/vault", map[string]place{
			"/srv/vault": link("/home/me/vault", 1001), "/home/me/vault": file(0o755, 1000)}, "/srv/vault is a link that belongs to uid 1001", "/home/me/vault"},
		{"our link into a shared directory", us, "/home/me/vault", map[string]place{
			"/home/me": dir(0o700, 1000, 1000), "/home/me/vault": link("../../opt/vault", 1000), "/opt": dir(0o777, 0, 0), "/opt/vault": file(0o755, 0)},
			"/opt has mode 0777", "/opt/vault"},
		{"uid 65534 is us", trust{uid: 65534, ours: us.ours}, "/data/vault", map[string]place{
			"/data": dir(0o755, 65534, 65534), "/data/vault": file(0o755, 65534)}, "", ""},
		{"uid 65534 is nobody", us, "/usr/bin/vault", map[string]place{
			"/usr": dir(0o755, 65534, 65534), "/usr/bin/vault": file(0o755, 65534)}, "/usr belongs to uid 65534", ""},
		{"uid 65534 is root, unmapped", contained, "/usr/bin/vault", map[string]place{
			"/": dir(0o755, 65534, 65534), "/usr": dir(0o755, 65534, 65534), "/usr/bin": dir(0o755, 65534, 65534), "/usr/bin/vault": file(0o755, 65534)}, "", ""},
		{"Homebrew on Linux", us, "/home/linuxbrew/.linuxbrew/bin/op", map[string]place{
			"/home/linuxbrew/.linuxbrew": dir(0o755, 1000, 1000), "/home/linuxbrew/.linuxbrew/bin/op": link("../Cellar/op/2/bin/op", 1000),
			"/home/linuxbrew/.linuxbrew/Cellar/op/2/bin/op": file(0o555, 1000)}, "", "/home/linuxbrew/.linuxbrew/Cellar/op/2/bin/op"},
		{"Nix store", us, "/home/me/.nix-profile/bin/op", map[string]place{
			"/home/me/.nix-profile":             link("/nix/var/nix/profiles/per-user/me/profile", 1000),
			"/nix/var/nix/profiles/per-user/me": dir(0o755, 1000, 0), "/nix/var/nix/profiles/per-user/me/profile": link("profile-7-link", 1000),
			"/nix/var/nix/profiles/per-user/me/profile-7-link": link("/nix/store/abc-env", 1000),
			"/nix/store": dir(0o1775, 0, 30000), "/nix/store/abc-env": dir(0o555, 0, 0), "/nix/store/abc-env/bin/op": file(0o555, 0)}, "", "/nix/store/abc-env/bin/op"},
		{"a ConfigMap", us, "/etc/credhelper/profiles/a.toml", map[string]place{
			"/etc/credhelper/profiles": dir(0o755, 0, 0), "/etc/credhelper/profiles/a.toml": link("..data/a.toml", 0),
			"/etc/credhelper/profiles/..data": link("..2026_11_28", 0), "/etc/credhelper/profiles/..2026_11_28": dir(0o755, 0, 0),
			"/etc/credhelper/profiles/..2026_11_28/a.toml": file(0o644, 0)}, "", "/etc/credhelper/profiles/..2026_11_28/a.toml"},
		{"a volume of mode 1777", us, "/data/me", map[string]place{
			"/data": volume(0o1777, 0), "/data/me": dir(0o700, 1000, 1000)}, "", ""},
		{"an emptyDir holds no program", us, "/data/vault", map[string]place{
			"/data": volume(0o777, 0), "/data/vault": file(0o755, 1000)}, "/data has mode 0777", ""},
		{"/var is /private/var", us, "/var/db/op", map[string]place{
			"/var": link("private/var", 0), "/private/var/db/op": file(0o755, 0)}, "", "/private/var/db/op"},
		{"NFS with root_squash", us, "/net/me/op", map[string]place{
			"/net": volume(0o755, 0), "/net/me": dir(0o700, 1000, 1000), "/net/me/op": file(0o700, 1000)}, "", ""},
		{"NFS whose owners have no names here", us, "/net/op", map[string]place{
			"/net": volume(0o755, 65534), "/net/op": file(0o755, 65534)}, "/net belongs to uid 65534", ""},
		{"up and down", us, "/home/me/../me/./op", map[string]place{
			"/home/me/op": file(0o755, 1000)}, "", "/home/me/op"},
		{"what is missing ends it", us, "/home/me/none/op", map[string]place{"/home/me": dir(0o700, 1000, 1000)}, "", ""},
		{"a relative path", us, "bin/op", nil, "is not an absolute path", ""},
		{"links in a circle", us, "/a", map[string]place{"/a": link("b", 0), "/b": link("a", 0)}, "too many", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			real, err := way(fake(c.places, c.trust), c.path)
			if (err == nil) != (c.finding == "") || err != nil && !strings.Contains(err.Error(), c.finding) {
				t.Errorf("found %v, want %q", err, c.finding)
			}
			want := c.real
			if want == "" && c.finding == "" {
				want = c.path
			}
			if want != "" && real != want {
				t.Errorf("leads to %q, want %q", real, want)
			}
		})
	}
}

// TestStateWay: what is ours and closed may lie on a volume that anybody may write;
// a plain directory of that mode is no volume.
func TestStateWay(t *testing.T) {
	us := trust{uid: 1000, ours: func(uint32) bool { return false }}
	for finding, above := range map[string]place{"": volume(0o777, 0), "/data has mode 0777": dir(0o777, 0, 0), "/data belongs to": volume(0o777, 1001)} {
		d := fake(map[string]place{"/data": above, "/data/state": dir(0o700, 1000, 1000)}, us)
		d.volumes = true
		_, err := way(d, "/data/state")
		if (err == nil) != (finding == "") || err != nil && !strings.Contains(err.Error(), finding) {
			t.Errorf("%o of %d: %v, want %q", above.mode, above.uid, err, finding)
		}
	}
}

// TestNowhere: a link to nothing is told from a file that is missing.
func TestNowhere(t *testing.T) {
	us := trust{uid: 1000}
	places := map[string]place{"/home": link("/disk/home", 0), "/disk/home/me": dir(0o700, 1000, 1000),
		"/home/me": dir(0o700, 1000, 1000), "/disk/home/me/work.toml": link("../gone/work.toml", 1000), "/disk/home/me/dots": link("/mnt/dots", 1000)}
	for path, want := range map[string]bool{"/home/me/work.toml": true, "/home/me/dots/work.toml": true, "/home/me/none.toml": false, "/none/x": false} {
		w, err := fake(places, us).walk(path)
		if err != nil || w.nowhere != want {
			t.Errorf("%s: %v, %v", path, w.nowhere, err)
		}
	}
}

// TestMapsRoot is /proc/PID/uid_map as user_namespaces(7) has it.
func TestMapsRoot(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": true, "0 1000 1\n1 100000 65536\n": true, "1000 1000 1\n": false, "": false, "0 0 0\n": false,
		"         0       1000          1\n": false, // unshare -r: we are called 0, and root is outside
		"         0          0          1\n": true,  // root's unshare -r: whoever is not mapped is somebody else
	} {
		if mapsRoot(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// TestOwnGroup: in whose group nobody else is.
func TestOwnGroup(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000:Me,,,:/home/me:/bin/sh\nother:x:1001:1001::/home/other:/bin/sh\nann:x:1002:100::/home/ann:/bin/sh\n"
	const group = "root:x:0:\nstaff:x:50:\nusers:x:100:\nme:x:1000:www-data\nother:x:1001:\nteam:x:2000:me,other\nalone:x:2001:me\n"
	local := people{passwd, group, "passwd: files systemd\ngroup:\tfiles [SUCCESS=merge] systemd\nhosts: files dns\n"}
	network := people{passwd, group, "passwd: files sss\ngroup: files sss\n"}
	stranger := people{"root:x:0:0:root:/root:/bin/sh\n", "root:x:0:\n", ""} // a container's
	for _, c := range []struct {
		name              string
		p                 people
		uid, primary, gid int64
		want              bool
	}{
		{"named as we are", local, 1000, 1000, 1000, true},
		{"named as we are, after newgrp", local, 1000, 100, 1000, true},
		{"a user's without members, in a network", network, 1000, 1000, 1000, true},
		{"Debian's staff, without members", local, 1000, 1000, 50, true},
		{"staff, in a network", network, 1000, 1000, 50, false},
		{"somebody's primary group", local, 1000, 1000, 100, false},
		{"another user's own", local, 1000, 1000, 1001, false},
		{"a group of two", local, 1000, 1000, 2000, false},
		{"a group of ours alone", local, 1000, 1000, 2001, true},
		{"root's", local, 1000, 1000, 0, true},
		{"a pod's fsGroup", stranger, 1000, 3000, 2000, true},
		{"OpenShift's group 0", stranger, 1000680000, 0, 0, true},
		{"a user of the network, own number", people{passwd, group, network.services}, 7000, 7000, 7000, true},
		{"a user of the network, domain users", people{passwd, group, network.services}, 7000, 513, 513, false},
	} {
		if got := c.p.alone(c.uid, c.primary, c.gid); got != c.want && runtimeKnowsAll() {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func runtimeKnowsAll() bool { return people{}.complete() }

func putFile(t *testing.T, dir, name string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.WriteFile(path, []byte("content"), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func putLink(t *testing.T, dir, name, to string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestProvided: what is read is what lies at the end of the way.
func TestProvided(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, mode fs.FileMode) string { return putFile(t, dir, name, mode) }
	for want, path := range map[error]string{
		nil:            put("own", 0o640),
		ErrUnsafe:      put("shared", 0o666),
		ErrTooLarge:    put("large", 0o600),
		fs.ErrNotExist: dir + "/none",
		ErrNowhere:     putLink(t, dir, "dangling", "none"),
	} {
		limit := 100
		if want == ErrTooLarge {
			limit = 3
		}
		content, err := ReadProvided(path, limit)
		if want == nil && string(content) != "content" || !errors.Is(err, want) {
			t.Errorf("%s: %q, %v; want %v", path, content, err, want)
		}
	}
	if content, err := ReadProvided(putLink(t, dir, "link", "own"), 100); err != nil || string(content) != "content" {
		t.Errorf("through a link of ours: %q, %v", content, err)
	}
	if _, err := ReadProvided(dir, 100); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a directory: %v", err)
	}
}
