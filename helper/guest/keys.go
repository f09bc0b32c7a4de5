// Package guest decides which guests of the door are accepted (docs/door.md): it seals
// their files, checks their secrets, and makes and checks their local tokens.
//
// A guest's file has no secret in it. What makes it count is its seal, a MAC over
// everything that it says and over the binding of its profile, by keys in the keyring.
// For each guest the keyring also has a random number that each lend and rotation
// replaces, so a file that is restored from a backup is refused.
package guest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"slices"
	"sync"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// keys is the item in the keyring.
type keys struct {
	Version int    `json:"version"`
	Key     string `json:"key"` // 32 bytes in hexadecimal
	// Guests has for each guest the random number in its seal. There is a second, older
	// one only between the change of the keyring and that of the file.
	Guests map[string][]string `json:"guests"`

	macs sync.Map // by purpose and key: a *sync.Pool of *keyed
}

const keysVersion = 1

// readKeys returns the keys of this home; none yet is an empty item.
func readKeys(ctx context.Context, h *helper.Helper) (*keys, error) {
	k := &keys{Version: keysVersion, Guests: map[string][]string{}}
	item, err := h.DoorItem(ctx, helper.DoorKeys)
	if err != nil || item.IsZero() {
		return k, err
	}
	if err := json.Unmarshal([]byte(item.Reveal()), k); err != nil || k.Version != keysVersion || len(k.Key) != 64 {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "the keys of the door in the keyring are damaged, or of a later release",
			Hint: "restore a backup of the keyring, or lend again"}
	}
	if k.Guests == nil {
		k.Guests = map[string][]string{}
	}
	return k, nil
}

// write stores the keys, and makes the first ones.
func (k *keys) write(ctx context.Context, h *helper.Helper) error {
	if k.Key == "" {
		k.Key = randomHex(32)
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return h.PutDoorItem(ctx, helper.DoorKeys, secret.New(string(text)))
}

// Secrets are prefixed, so that people and scanners of repositories know them.
const (
	secretPrefix = "chl_"
	tokenPrefix  = "chd_"
)

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return hex.EncodeToString(b)
}

// mac is a MAC of fields, each with its length before it, by a key of its own purpose. A
// door makes one for each request, so they are used again.
func (k *keys) mac(purpose string, fields ...string) []byte {
	m := k.hash(purpose)
	defer m.pool.Put(m)
	m.Reset()
	for _, f := range fields {
		m.Write(binary.BigEndian.AppendUint64(m.size[:0], uint64(len(f))))
		m.Write([]byte(f))
	}
	return m.Sum(nil)
}

// macState is a MAC by the key of one purpose.
type macState struct {
	hash.Hash
	pool *sync.Pool // where it belongs
	size [8]byte    // room for a length
}

// hash returns a MAC that nobody uses.
func (k *keys) hash(purpose string) *macState {
	id := [2]string{purpose, k.Key}
	mac, ok := k.macs.Load(id)
	if !ok {
		own := hmac.New(sha256.New, []byte(k.Key))
		own.Write([]byte(purpose))
		key, pool := own.Sum(nil), new(sync.Pool)
		pool.New = func() any { return &macState{Hash: hmac.New(sha256.New, key), pool: pool} }
		mac, _ = k.macs.LoadOrStore(id, pool)
	}
	return mac.(*sync.Pool).Get().(*macState)
}

// seal returns the seal of a guest's file for the profiles that it uses.
func (k *keys) seal(number, name string, f File, profiles []*config.Profile) (string, error) {
	f.Seal = "" // the seal is of all other members
	text, err := f.Encode()
	if err != nil {
		return "", err
	}
	fields := []string{number, name, string(text)}
	for _, p := range profiles {
		for _, b := range p.Bounds() {
			fields = append(fields, b.Name, b.Value)
		}
	}
	return hex.EncodeToString(k.mac("credhelper guest 1", fields...)), nil
}

// sealed reports whether the seal of a guest is ours, for what its file and its profiles
// say now.
func (k *keys) sealed(g *Guest, profiles []*config.Profile) bool {
	return k.Key != "" && slices.ContainsFunc(k.Guests[g.Name], func(number string) bool {
		want, err := k.seal(number, g.Name, g.File, profiles)
		return err == nil && hmac.Equal([]byte(want), []byte(g.Seal))
	})
}
