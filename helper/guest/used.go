package guest

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/private"
)

// A door notes when each secret of a guest was used last, by the beginning of the secret's
// hash. The guest's own file is sealed, so that is a file of its own. It is for people to
// see which guest nobody needs any more: except for a guest's first use the file may be a
// minute behind, a missing or damaged one has no uses, and the door goes on if it cannot
// be written.

const (
	usedName  = "guests" // below cache.Dirs.Run
	usedLimit = 1 << 20
	usedEvery = time.Minute // at most one write, besides one for each guest's first use
)

type usedFile struct {
	Version int               `json:"version"`
	Used    map[usedKey]int64 `json:"used"` // Unix seconds
}

const usedVersion = 1

// usedKey is the beginning of a secret's hash; in the file it is in hexadecimal.
type usedKey [8]byte

func keyOf(hash [32]byte) usedKey { return usedKey(hash[:8]) }

// MarshalText implements encoding.TextMarshaler.
func (k usedKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *usedKey) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(k) {
		return hex.ErrLength
	}
	_, err := hex.Decode(k[:], text)
	return err
}

// uses is what a door knows of the uses since it was started.
type uses struct {
	mu    sync.Mutex
	last  map[usedKey]int64
	wrote time.Time
	dirty bool

	writing sync.Mutex
}

// Used notes that a guest used the door now. A private one's uses are not kept.
func (b *Book) Used(a Admitted) {
	if b.private != nil {
		return
	}
	now, key := b.Now(), keyOf(a.hash)
	u := &b.uses
	u.mu.Lock()
	defer u.mu.Unlock()
	before, came := u.last[key]
	if before == now.Unix() {
		return
	}
	if u.last == nil {
		u.last = map[usedKey]int64{}
	}
	u.last[key], u.dirty = now.Unix(), true
	if !came || now.Sub(u.wrote) >= usedEvery {
		u.wrote = now
		go b.WriteUses() // a request does not wait for the disk
	}
}

// WriteUses writes what is not written yet. A door calls it at its end.
func (b *Book) WriteUses() {
	b.uses.writing.Lock()
	defer b.uses.writing.Unlock()
	keys := b.knownKeys()
	last := b.uses.take(keys)
	if last == nil {
		return
	}
	d, err := private.Open(b.Helper.Dirs.Run())
	if err != nil {
		return
	}
	defer d.Close()
	for key, at := range readUses(d) { // of other doors
		if keys[key] {
			last[key] = max(last[key], at)
		}
	}
	if text, err := json.Marshal(usedFile{usedVersion, last}); err == nil {
		_ = d.Replace(usedName, text)
	}
}

// take returns a copy of the uses, if there are new ones, and drops the secrets that were
// rotated away or revoked.
func (u *uses) take(keys map[usedKey]bool) map[usedKey]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.last, func(key usedKey, _ int64) bool { return !keys[key] })
	if !u.dirty {
		return nil
	}
	u.dirty = false
	return maps.Clone(u.last)
}

// knownKeys returns the keys of all secrets of guests.
func (b *Book) knownKeys() map[usedKey]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := map[usedKey]bool{}
	for _, r := range b.rows {
		if r.Guest != nil {
			keys[keyOf(r.Secrets[0])], keys[keyOf(r.Secrets[1])] = true, true
		}
	}
	return keys
}

func readUses(d private.Dir) map[usedKey]int64 {
	var f usedFile
	text, err := d.Read(usedName, usedLimit)
	if err != nil || json.Unmarshal(text, &f) != nil || f.Version != usedVersion || f.Used == nil {
		return map[usedKey]int64{}
	}
	return f.Used
}

// lastUse returns when one of a guest's secrets was used last; zero if that is not known.
func lastUse(used map[usedKey]int64, secrets [2][32]byte) time.Time {
	at := max(used[keyOf(secrets[0])], used[keyOf(secrets[1])])
	if at <= 0 {
		return time.Time{}
	}
	return time.Unix(at, 0)
}

// usesIn returns what doors wrote of the uses in a home.
func usesIn(dirs cache.Dirs) map[usedKey]int64 {
	d, err := private.Open(dirs.Run())
	if err != nil {
		return nil
	}
	defer d.Close()
	return readUses(d)
}
