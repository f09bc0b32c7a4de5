// Package cache keeps short-lived tokens, sealed, between the calls of
// credhelper, and with them what the front needs to answer without knowing any
// configuration: the origins a token may go to, and stamps of the files that
// said so.
//
// One directory, DIR = state/run, 0700, holds per profile
//
//	t-KEY  the sealed token and everything an answer needs (Entry); of a profile that
//	       acts for several subjects where to look, and a t-KEY-HASH for each (Subject);
//	       t-KEY.2 to t-KEY.4 where several places share a home (slots.go)
//	m-KEY  a mark: "refused, do not ask again before ..." (Mark)
//	k-KEY  which token was given to processes that only ask again if it was refused
//	x-KEY  reports that an API refused the token while it was young (Rejections)
//
// In state/locks is l-KEY, the lock that makes one process fetch while others wait; it is
// never deleted, and touched to revoke (locks.go).
//
// Per host there is r-KEY, the route from a host name to the profiles that claim it.
// KEY is a hash (KeyOf), so no text from outside ever becomes a file name (T17,
// T18). Every file is written whole, to a temporary name, and renamed.
//
// A damaged, foreign, truncated or outdated entry is a miss, never an error
// (F13): the next fetch overwrites it.
//
// The front links this package, so it imports little: no fmt, no net/http, no
// encoding/json; each costs every call (docs/performance.md).
package cache

import (
	"crypto/sha256"
	"errors"

	"github.com/credhelper/credhelper/helper/private"
)

var (
	// ErrMiss says that there is no usable entry, whatever the reason.
	ErrMiss = errors.New("not in the cache")

	// ErrUnsafe says that a directory or file is not as only we could have left it
	// (T1); see private.ErrUnsafe.
	ErrUnsafe = private.ErrUnsafe

	// ErrNoSealingKey says that no place on this machine may hold the key of the
	// sealed tokens, so nothing is cached on disk.
	ErrNoSealingKey = errors.New("no place for the key of the sealed tokens")

	// ErrLocked says that another process held a lock until the deadline.
	ErrLocked = private.ErrLocked
)

// Key names a file of the cache: 16 bytes of SHA-256 over a kind and its
// fields, each preceded by its length, so that no two lists of fields collide.
type Key [16]byte

// KeyOf hashes kind and fields in the order given.
func KeyOf(kind string, fields ...string) Key {
	buf := make([]byte, 0, 128)
	buf = appendText(buf, kind)
	for _, f := range fields {
		buf = appendText(buf, f)
	}
	sum := sha256.Sum256(buf)
	return Key(sum[:16])
}

// ProfileKey is the key of everything kept for the profile of that name.
func ProfileKey(profile string) Key { return KeyOf("profile", profile) }

// RouteKey is the key of the route for a host, as origin.RouteKeys names it.
func RouteKey(host string) Key { return KeyOf("route", host) }

// String is the hexadecimal form used in file names.
func (k Key) String() string { return string(appendHex(nil, k[:])) }

// file returns the name of the file of one kind ('t', 'l', 'm', 'x', 'r').
func (k Key) file(kind byte) string {
	var name [2 + 2*len(k)]byte
	return string(appendHex(append(name[:0], kind, '-'), k[:]))
}

// appendHex spares the front encoding/hex, which links all of fmt.
func appendHex(b, bytes []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range bytes {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}
