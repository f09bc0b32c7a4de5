package guest

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A local token is "chd_" and base64url of: when it ends, 8 bytes in Unix seconds; a
// MAC of 32 bytes; the guest's name; and, if it is narrowed, a zero byte, the scope, a
// zero byte, the audience. It is checked without any record of it. The MAC is over all of
// that and over the hash of the guest's secret, so a token ends with the secret that it
// was requested with.

const (
	endSize = 8
	macSize = 32
)

// Narrow returns what a request leaves of what the guest's profile allows; zero if that is
// all of it, so that its token is the one that others have, too. More is an error.
func (r *Row) Narrow(n protocol.Narrowing) (protocol.Narrowing, error) {
	left, err := r.Of.Narrow(n)
	if err != nil {
		return n, err
	}
	if slices.Equal(left.Scopes, r.Of.Scopes) {
		n.Scope = ""
	}
	if left.Audience == r.Of.Audience {
		n.Audience = ""
	}
	return n, nil
}

// claims is what a local token says.
type claims struct {
	name      string // the guest's
	narrowing protocol.Narrowing
	ends      int64 // Unix seconds
}

// issue returns a local token of the guest whose secret has this hash.
func (k *keys) issue(c claims, hash [32]byte) secret.Text {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.ends))
	b = append(append(b, k.tokenMAC(c, hash)...), c.name...)
	if c.narrowing != (protocol.Narrowing{}) {
		b = append(b, "\x00"+c.narrowing.Scope+"\x00"+c.narrowing.Audience...)
	}
	return secret.New(tokenPrefix + base64.RawURLEncoding.EncodeToString(b))
}

// issuedToken is a local token that may be asked for again.
type issuedToken struct {
	claims
	hash  [32]byte
	token secret.Text
}

// issued returns a local token, the last one if it says the same: clients that keep none
// ask for one before each call.
func (r *Row) issued(c claims, hash [32]byte) secret.Text {
	if last := r.last.Load(); last != nil && last.claims == c && last.hash == hash {
		return last.token
	}
	fresh := &issuedToken{c, hash, r.keys.issue(c, hash)}
	r.last.Store(fresh)
	return fresh.token
}

func (k *keys) tokenMAC(c claims, hash [32]byte) []byte {
	fields := []string{c.name, string(hash[:]), strconv.FormatInt(c.ends, 10)}
	if c.narrowing != (protocol.Narrowing{}) {
		fields = append(fields, c.narrowing.Scope, c.narrowing.Audience)
	}
	return k.mac("credhelper local token 1", fields...)
}

// readToken returns what a local token says, and its MAC, which is not checked; false if
// it is not one of ours.
func readToken(token string) (c claims, mac []byte, ok bool) {
	text, ours := strings.CutPrefix(token, tokenPrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// Go's decoder passes over line ends.
	if !ours || err != nil || len(raw) <= endSize+macSize || strings.ContainsAny(text, "\r\n") {
		return c, nil, false
	}
	c.ends = int64(binary.BigEndian.Uint64(raw))
	name, rest, narrowed := strings.Cut(string(raw[endSize+macSize:]), "\x00")
	c.name = name
	if narrowed {
		c.narrowing.Scope, c.narrowing.Audience, ok = strings.Cut(rest, "\x00")
		if !ok || c.narrowing == (protocol.Narrowing{}) { // not as we write it
			return c, nil, false
		}
	}
	return c, raw[endSize : endSize+macSize], true
}

// opens reports whether a local token is one of this guest's, and still valid, and
// returns the hash of the secret with which it was requested.
func (k *keys) opens(g *Guest, c claims, mac []byte, now time.Time) (hash [32]byte, ok bool) {
	if k.Key == "" || now.Unix() >= c.ends {
		return hash, false
	}
	for i, h := range g.Secrets {
		if i == 1 && !now.Before(g.Replaced) {
			continue
		}
		if hmac.Equal(mac, k.tokenMAC(c, h)) {
			hash, ok = h, true
		}
	}
	return hash, ok
}
