// Package cache stores short-lived tokens, sealed, between the calls of credhelper.
// With them it stores what the front needs to answer without reading any configuration:
// the origins that a token may be sent to, and stamps of the files that say so.
//
// One directory, DIR = state/run, 0700, holds per profile
//
//	t-KEY  the sealed token and everything an answer needs (Entry); for a profile that
//	       acts for several subjects where to find them, and a t-KEY-HASH for each
//	       (Subject); t-KEY.2 to t-KEY.4 if several places share a home (slots.go)
//	t-KEY+NARROWING and x-KEY+NARROWING of narrowed requests, and n-KEY if there are
//	       such files (Item)
//	m-KEY  a mark: "refused, do not ask again before ..." (Mark)
//	k-KEY  tokens given to processes that ask again only after a refusal (asked.go)
//	x-KEY  reports that an API refused the token while it was young (Rejections)
//
// In state/locks is l-KEY, the lock that makes one process fetch while others wait; it
// is never deleted, and touched to revoke (locks.go).
//
// Per host there is r-KEY, the route from a host name to the profiles that claim it.
// Of all profiles together hosts and hosts-buckets hold the hosts, for the front
// (hosts.go), and origins what each file says, for the engine (origins.go).
// v-KEY is the login at a secrets server, sealed (kept.go).
// KEY is a hash (KeyOf), so no text from outside ever becomes a file name (T17, T18).
// Every file is written to a temporary name and renamed.
//
// A damaged, foreign, truncated or outdated entry is a miss, never an error (F13): the
// next fetch overwrites it.
//
// The front links this package, so it has few imports: no fmt, no net/http, no
// encoding/json, which would slow down every call (docs/performance.md).
package cache

import (
	"crypto/sha256"
	"errors"

	"github.com/credhelper/credhelper/helper/private"
)

var (
	// ErrMiss says that there is no usable entry, whatever the reason.
	ErrMiss = errors.New("not in the cache")

	// ErrUnsafe says that others could have changed or read a directory or file (T1);
	// see private.ErrUnsafe.
	ErrUnsafe = private.ErrUnsafe

	// ErrNoSealingKey says that this machine has no place for the key of the sealed
	// tokens, so nothing is cached on disk.
	ErrNoSealingKey = errors.New("no place for the key of the sealed tokens")

	// ErrLocked says that another process held a lock until the deadline.
	ErrLocked = private.ErrLocked
)

// Key is part of a file name in the cache: 16 bytes of SHA-256 over a kind and its
// fields, each preceded by its length, so that different lists of fields do not
// collide.
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

// ProfileKey returns the key for the files of a profile.
func ProfileKey(profile string) Key { return KeyOf("profile", profile) }

// RouteKey returns the key for the route of a host, as named by origin.RouteKeys.
func RouteKey(host string) Key { return KeyOf("route", host) }

// String returns the hexadecimal form used in file names.
func (k Key) String() string { return string(appendHex(nil, k[:])) }

// file returns the name of the file of one kind ('t', 'l', 'm', 'x', 'r').
func (k Key) file(kind byte) string {
	var name [2 + 2*len(k)]byte
	return string(appendHex(append(name[:0], kind, '-'), k[:]))
}

// appendHex replaces encoding/hex, which would link fmt into the front.
func appendHex(b, bytes []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range bytes {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}
