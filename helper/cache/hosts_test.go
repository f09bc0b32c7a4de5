package cache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol/origin"
)

// at is when the hosts of these tests were compared.
var at = Clock{Unix: 1_800_000_000, BootedAt: 1_799_000_000}

// later is the clock some seconds after a comparison.
func later(seconds int64) Clock { return Clock{at.Unix + seconds, at.BootedAt} }

// indexed is a home that knows the hosts of some origins.
func indexed(t *testing.T, origins ...string) (Dirs, *Store) {
	t.Helper()
	dirs := home(t)
	s := store(t, dirs)
	for _, path := range dirs.Configuration()[1:] {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	putHosts(t, s, origins...)
	return dirs, s
}

func putHosts(t *testing.T, s *Store, origins ...string) {
	t.Helper()
	h := Hosts{Compared: at}
	for _, path := range s.dirs.Configuration() {
		stamp, _ := TakeStamp(path, time.Now())
		h.Stamps = append(h.Stamps, stamp)
	}
	var keys []string
	for _, text := range origins {
		o, err := origin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = AppendHostKeys(keys, o.String())
	}
	o := &Origins{}
	if err := s.PutOrigins(context.Background(), o, &h, keys); err != nil {
		t.Fatal(err)
	}
}

func urlOf(t testing.TB, address string) origin.URL {
	t.Helper()
	u, r := origin.ParseURL(address)
	if r != origin.Release {
		t.Fatal(address, r)
	}
	return u
}

func unowned(t *testing.T, s *Store, address string, now Clock) bool {
	t.Helper()
	_, ok := s.Unowned(urlOf(t, address), now)
	return ok
}

// TestUnowned: what is on no profile's host, nor at any distance below a wildcard, nor
// its parent, is nobody's. Everything else is the engine's, whatever its scheme, port
// and path.
func TestUnowned(t *testing.T) {
	_, s := indexed(t, "https://api.example.com:8443/rest", "https://*.cdn.example.com", "http://127.0.0.1:8080")
	for address, want := range map[string]bool{
		"https://github.com/x/y":          true,
		"https://example.com":             true,
		"https://xapi.example.com":        true,
		"https://127.0.0.2:8080":          true,
		"https://[::1]":                   true,
		"https://localhost":               true,
		"https://api.example.com.example": true,
		"http://api.example.com/other":    false,
		"ssh://api.example.com":           false,
		"https://cdn.example.com":         false,
		"https://a.cdn.example.com":       false,
		"https://a.b.c.cdn.example.com":   false,
		"https://127.0.0.1":               false,
	} {
		if got := unowned(t, s, address, later(1)); got != want {
			t.Errorf("%s: nobody's is %v, want %v", address, got, want)
		}
	}
}

// TestUnownedIsBelievedBriefly: the comparison of all files counts for less than 10 s
// by either clock, and never where it lies in the future.
func TestUnownedIsBelievedBriefly(t *testing.T) {
	_, s := indexed(t)
	for _, c := range []struct {
		what string
		now  Clock
		want bool
	}{
		{"at once", later(0), true},
		{"after 9 s", later(9), true},
		{"after 10 s", later(10), false},
		{"a second before", later(-1), false},
		{"a clock turned back by an hour, an hour later", Clock{at.Unix + 1, at.BootedAt - 3600}, false},
		{"a clock put forward", Clock{at.Unix + 5, at.BootedAt + 20}, false},
		{"after a restart", Clock{at.Unix + 5, at.Unix + 4}, false},
		{"without a boot clock", Clock{Unix: at.Unix + 1}, false},
	} {
		if got := unowned(t, s, "https://github.com", c.now); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// TestRoutesAreBelievedBriefly: a route leads for as long as the hosts are believed, and
// always if it has a stamp of everything.
func TestRoutesAreBelievedBriefly(t *testing.T) {
	dirs, s := indexed(t, "https://api.example.com")
	u := urlOf(t, "https://api.example.com")
	for _, complete := range []bool{false, true} {
		route := &Route{Claims: []Claim{{"https://api.example.com", "jama"}}, Stamps: []Stamp{stampOf(dirs.Profiles())}, Complete: complete}
		if err := s.PutRoute("api.example.com", route); err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			now  Clock
			want bool
		}{
			"after 9 s":           {later(9), true},
			"after 10 s":          {later(10), complete},
			"a second before":     {later(-1), complete},
			"a clock put forward": {Clock{at.Unix + 5, at.BootedAt + 20}, complete},
		} {
			owners, err := s.Owners(u, c.now)
			if got := s.Owner(u, c.now) == "jama"; got != c.want || (err == nil && owners.Of(u) == "jama") != c.want {
				t.Errorf("%s, complete %v: it leads: %v, %v", what, complete, got, err)
			}
		}
	}
	route := &Route{Claims: []Claim{{"https://api.example.com", "jama"}}, Stamps: []Stamp{stampOf(dirs.Profiles())}}
	if err := s.PutRoute("api.example.com", route); err != nil {
		t.Fatal(err)
	}
	remove(t, dirs.Run()+"/hosts")
	if s.Owner(u, at) != "" {
		t.Error("it leads without hosts")
	}
}

// TestUnownedDoubts: whatever is wrong with the files, or changed in the configuration,
// is a miss.
func TestUnownedDoubts(t *testing.T) {
	write := func(path string) func(*testing.T, Dirs, *Store) {
		return func(t *testing.T, d Dirs, _ *Store) { writeFile(t, d.Config+path, nil) }
	}
	for what, spoil := range map[string]func(t *testing.T, d Dirs, s *Store){
		"settings were written":     write("/config.toml"),
		"a profile was dropped in":  write("/profiles/new.toml"),
		"a preset was dropped in":   write("/presets/new.toml"),
		"the list is missing":       func(t *testing.T, d Dirs, _ *Store) { remove(t, d.Run()+"/hosts") },
		"the buckets are missing":   func(t *testing.T, d Dirs, _ *Store) { remove(t, d.Run()+"/hosts-buckets") },
		"the buckets are empty":     func(t *testing.T, d Dirs, _ *Store) { writeFile(t, d.Run()+"/hosts-buckets", nil) },
		"others may read the list":  func(t *testing.T, d Dirs, _ *Store) { chmod(t, d.Run()+"/hosts") },
		"others may read a bucket":  func(t *testing.T, d Dirs, _ *Store) { chmod(t, d.Run()+"/hosts-buckets") },
		"the key is gone":           func(t *testing.T, _ Dirs, s *Store) { _ = s.ForgetKey(context.Background()) },
		"the buckets are of before": restoreBuckets,
		"all was dropped":           func(t *testing.T, _ Dirs, s *Store) { _ = s.DropAll() },
	} {
		t.Run(what, func(t *testing.T) {
			dirs, s := indexed(t, "https://api.example.com")
			if !unowned(t, s, "https://github.com", at) {
				t.Fatal("not indexed")
			}
			spoil(t, dirs, s)
			if unowned(t, s, "https://github.com", at) {
				t.Error("believed")
			}
			putHosts(t, s, "https://api.example.com")
			if !unowned(t, s, "https://github.com", at) {
				t.Error("not healed")
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
}

// restoreBuckets restores the buckets from before the profile existed.
func restoreBuckets(t *testing.T, d Dirs, s *Store) {
	t.Helper()
	putHosts(t, s)
	old, err := os.ReadFile(d.Run() + "/hosts-buckets")
	if err != nil {
		t.Fatal(err)
	}
	putHosts(t, s, "https://github.com")
	writeFile(t, d.Run()+"/hosts-buckets", old)
}

// TestHostsOfAnotherHome: what another home knows counts for nothing here, even where
// its key can be read.
func TestHostsOfAnotherHome(t *testing.T) {
	dirs, s := indexed(t, "https://api.example.com")
	other, _ := indexed(t)
	for _, name := range []string{hostsFile, bucketsFile} {
		content, err := os.ReadFile(filepath.Join(other.Run(), name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dirs.Run(), name), content)
	}
	if unowned(t, s, "https://api.example.com", at) {
		t.Error("another home's hosts are believed")
	}
}

// TestHostsEveryByte: no changed byte of either file makes an owned host unowned.
func TestHostsEveryByte(t *testing.T) {
	dirs, s := indexed(t, "https://api.example.com")
	for _, name := range []string{hostsFile, bucketsFile} {
		path := filepath.Join(dirs.Run(), name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 0x01
			writeFile(t, path, bad)
			if unowned(t, s, "https://api.example.com", at) || unowned(t, s, "https://github.com", at) {
				t.Fatalf("%s, byte %d: believed", name, i)
			}
		}
		writeFile(t, path, good)
	}
	if !unowned(t, s, "https://github.com", at) {
		t.Error("the good ones are not believed")
	}
}

// TestManyHosts: the index of many hosts finds each of them, and a bucket in another's
// place does not open.
func TestManyHosts(t *testing.T) {
	const n = 20_000
	dirs, s := indexed(t)
	var origins []string
	for i := range n {
		origins = append(origins, fmt.Sprintf("https://host-%d.example.org", i))
	}
	putHosts(t, s, origins...)
	for i := 0; i < n; i += 97 {
		if unowned(t, s, origins[i], at) {
			t.Fatal(origins[i], "is nobody's")
		}
		if stranger := fmt.Sprintf("https://host-%d.example.org", n+i); !unowned(t, s, stranger, at) {
			t.Fatal(stranger, "is somebody's")
		}
	}
	path := filepath.Join(dirs.Run(), bucketsFile)
	content, err := os.ReadFile(path)
	if err != nil || len(content) < 64*bucketSize {
		t.Fatal(len(content), err)
	}
	moved := append(append([]byte(nil), content[bucketSize:]...), content[:bucketSize]...)
	writeFile(t, path, moved)
	for i := 0; i < n; i += 97 {
		if unowned(t, s, origins[i], at) {
			t.Fatal(origins[i], "is nobody's by another's bucket")
		}
	}
}

// TestRenewHosts: after another comparison that found no change the hosts count again,
// unless they are of another configuration, or damaged where they are looked at.
func TestRenewHosts(t *testing.T) {
	dirs, s := indexed(t, "https://api.example.com")
	u := urlOf(t, "https://github.com")
	h := Hosts{Compared: later(20)}
	for _, path := range dirs.Configuration() {
		h.Stamps = append(h.Stamps, stampOf(path))
	}
	o, err := s.Origins()
	if err != nil {
		t.Fatal(err)
	}
	if !s.RenewHosts(o, h, u) || !unowned(t, s, "https://github.com", later(25)) || unowned(t, s, "https://api.example.com", later(25)) {
		t.Error("not renewed")
	}
	if s.RenewHosts(o, Hosts{Compared: h.Compared, Stamps: h.Stamps[1:]}, u) {
		t.Error("another folder: renewed")
	}
	if s.RenewHosts(&Origins{}, h, u) {
		t.Error("other profiles: renewed")
	}
	restoreBuckets(t, dirs, s)
	if o, err = s.Origins(); err != nil || s.RenewHosts(o, h, u) {
		t.Error("renewed with another one's buckets", err)
	}
}

// TestTooManyHosts: more keys than the largest number of buckets can hold are not stored.
func TestTooManyHosts(t *testing.T) {
	var keys []string
	for i := range 1000 {
		keys = append(keys, strconv.Itoa(i), strconv.Itoa(i))
	}
	if n := len(spread(keys, 8)); n != 8 {
		t.Errorf("%d buckets for a thousand hosts", n)
	}
	if spread(keys, 4) != nil {
		t.Error("stored")
	}
}
