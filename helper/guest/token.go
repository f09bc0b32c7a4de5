package guest

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A local token is "chd_" and base64url of: when it ends, 8 bytes in Unix seconds; a
// MAC of 32 bytes; the guest's name. It is checked without any record of it. The MAC is
// over the hash of the guest's secret, so a token ends with the secret that it was
// requested with.

const (
	endSize = 8
	macSize = 32
)

// issue returns a local token of the guest that ends at the given Unix time.
func (k *keys) issue(g *config.Guest, hash [32]byte, ends int64) secret.Text {
	b := binary.BigEndian.AppendUint64(nil, uint64(ends))
	b = append(append(b, k.tokenMAC(g.Name, hash, ends)...), g.Name...)
	return secret.New(tokenPrefix + base64.RawURLEncoding.EncodeToString(b))
}

func (k *keys) tokenMAC(name string, hash [32]byte, ends int64) []byte {
	return k.mac("credhelper local token 1", name, string(hash[:]), strconv.FormatInt(ends, 10))
}

// nameInToken returns whose token it would be; false if it is none of ours.
func nameInToken(token string) (name string, rest []byte, ok bool) {
	text, ours := strings.CutPrefix(token, tokenPrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ours || err != nil || len(raw) <= endSize+macSize {
		return "", nil, false
	}
	return string(raw[endSize+macSize:]), raw[:endSize+macSize], true
}

// opens reports whether a local token is one of this guest's, and still valid, and
// returns the hash of the secret with which it was requested.
func (k *keys) opens(g *config.Guest, token []byte, now time.Time) (hash [32]byte, ok bool) {
	ends := int64(binary.BigEndian.Uint64(token))
	if k.Key == "" || now.Unix() >= ends {
		return hash, false
	}
	for i, h := range g.Secrets {
		if i == 1 && !now.Before(g.Replaced) {
			continue
		}
		if hmac.Equal(token[endSize:], k.tokenMAC(g.Name, h, ends)) {
			hash, ok = h, true
		}
	}
	return hash, ok
}
