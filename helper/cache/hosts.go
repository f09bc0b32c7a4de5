package cache

import (
	"errors"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol/origin"
)

// That no profile owns a host is also cached: git asks about every host that it fetches
// from. Two files hold the engine's result of reading all profiles:
//
//	hosts          sealed: the time, stamps of the directories, the number of buckets
//	hosts-buckets  buckets of 2 KiB with hashes of the hosts' keys (buckets.go)
//
// Directories and settings are compared for each answer, so adding, removing or
// renaming a profile takes effect at the next call. An edit in place shows only in the
// file itself, and comparing all files is left to the engine: its result is valid for
// 10 s.
const (
	hostsFile = "hosts"
	hostsAge  = 10 // seconds for which the comparison of all files counts
)

// Hosts is what is known about the hosts of all profiles.
type Hosts struct {
	// Compared is when the files behind it were last compared, before the first of
	// them was looked at.
	Compared Clock
	// Stamps are those of Dirs.Configuration, in its order.
	Stamps []Stamp
	// Unusable is the first profile that cannot be used, for the hint; "" for none.
	Unusable string

	generation [16]byte // of the buckets that belong to it
	buckets    int      // a power of two
}

// Unowned reports whether no profile has an origin on the URL's host, whatever its
// scheme, port and path, nor a wildcard above it at any level. It is false in case of
// doubt. unusable is the profile that the hint should name.
func (s *Store) Unowned(u origin.URL, now Clock) (unusable string, ok bool) {
	h, f, err := s.hosts()
	if err != nil || !h.recent(now) || !h.current(s.dirs) {
		return "", false
	}
	exact, wildcard := origin.RouteKeys(u)
	if exact == "" { // no URL
		return "", false
	}
	found, err := s.holds(&h, &f.key, exact)
	for err == nil && !found && wildcard != "" {
		found, err = s.holds(&h, &f.key, wildcard)
		wildcard = above(wildcard)
	}
	return h.Unusable, err == nil && !found
}

// above returns the wildcard one level above a wildcard; "" if its parent would be a single label.
func above(wildcard string) string {
	_, parent, _ := strings.Cut(wildcard[len("*."):], ".")
	if !strings.Contains(parent, ".") {
		return ""
	}
	return "*." + parent
}

// AppendHostKeys appends the keys under which the hosts of an origin in canonical form
// are listed: its RouteKey and, of a wildcard, the parent, because that is refused for a
// reason of its own. It does not parse the origin again: there may be thousands.
func AppendHostKeys(keys []string, canonical string) []string {
	_, host, _ := strings.Cut(canonical, "://")
	if address, bracketed := strings.CutPrefix(host, "["); bracketed {
		host, _, _ = strings.Cut(address, "]")
		return append(keys, host)
	}
	if end := strings.IndexAny(host, ":/"); end >= 0 {
		host = host[:end]
	}
	keys = append(keys, host)
	if parent, wild := strings.CutPrefix(host, "*."); wild {
		keys = append(keys, parent)
	}
	return keys
}

// recent reports whether the comparison is still valid at now. It is not if the clock
// was set or the machine was restarted.
func (h *Hosts) recent(now Clock) bool {
	if (now.BootedAt == 0) != (h.Compared.BootedAt == 0) {
		return false
	}
	age := now.Unix - h.Compared.Unix
	boot := age - (now.BootedAt - h.Compared.BootedAt) // by the boot clock
	return 0 <= age && age < hostsAge && 0 <= boot && boot < hostsAge
}

// current reports whether the directories and settings are those of this home, unchanged.
func (h *Hosts) current(d Dirs) bool {
	paths := d.Configuration()
	if len(paths) != len(h.Stamps) {
		return false
	}
	for i, path := range paths {
		if h.Stamps[i].Path = path; !h.Stamps[i].True() {
			return false
		}
	}
	return true
}

// putHosts stores the hosts' keys (HostKeys). Two concurrent processes may leave the
// list of one and the buckets of the other, which do not open with it; the next process
// that reads all profiles stores both again.
func (s *Store) putHosts(key *sealingKey, home [16]byte, h *Hosts, keys []string) error {
	buckets := spread(keys, mostBuckets)
	if buckets == nil {
		return errors.New("more hosts than the cache has buckets for")
	}
	h.buckets = len(buckets)
	if err := s.putBuckets(h, key, buckets); err != nil {
		return err
	}
	return s.putSealed(key, header{kind: kindHosts, home: home}, hostsFile, h.encode())
}

// RenewHosts records that all files were compared again and none had changed. It
// reports whether that was possible: the stored list is for the same directories, and
// the bucket of the URL's host opens.
func (s *Store) RenewHosts(o *Origins, h Hosts, u origin.URL) bool {
	old, f, err := s.hosts()
	if err != nil || old.generation != o.hosts || !slices.Equal(old.Stamps, nameless(h.Stamps)) {
		return false
	}
	exact, _ := origin.RouteKeys(u)
	if _, err := s.holds(&old, &f.key, exact); err != nil {
		return false
	}
	old.Compared = h.Compared
	return s.putSealed(&f.key, header{kind: kindHosts, home: f.home}, hostsFile, old.encode()) == nil
}

// hosts opens the list of hosts. It also returns the opened file, which has the key.
func (s *Store) hosts() (Hosts, openedFile, error) {
	f, err := s.unseal(hostsFile)
	if err != nil || f.kind != kindHosts {
		return Hosts{}, f, ErrMiss
	}
	h, ok := decodeHosts(f.text)
	if !ok {
		return Hosts{}, f, ErrMiss
	}
	return h, f, nil
}

func (h *Hosts) encode() []byte {
	b := append(make([]byte, 0, 512), h.generation[:]...)
	b = appendUint16(b, uint16(h.buckets-1))
	b = appendUint64(b, uint64(h.Compared.Unix))
	b = appendUint64(b, uint64(h.Compared.BootedAt))
	b = appendText(b, h.Unusable)
	return appendStamps(b, nameless(h.Stamps))
}

// nameless returns stamps without their paths, which a reader knows from its own
// configuration.
func nameless(stamps []Stamp) []Stamp {
	stamps = slices.Clone(stamps)
	for i := range stamps {
		stamps[i].Path = ""
	}
	return stamps
}

func decodeHosts(text []byte) (h Hosts, ok bool) {
	s := scanner{rest: string(text)}
	copy(h.generation[:], s.take(len(h.generation)))
	h.buckets = int(s.uint16()) + 1
	h.Compared = Clock{int64(s.uint64()), int64(s.uint64())}
	h.Unusable = s.text()
	h.Stamps = s.stamps()
	return h, s.done() && h.buckets&(h.buckets-1) == 0
}
