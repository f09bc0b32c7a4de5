package config

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// GuestFile is the content of a guest's file. It contains no secret: of the local one
// only a hash, which is enough because it has 256 random bits. The order of the members
// is the order in which credhelper writes them, and what a seal covers.
type GuestFile struct {
	Profile string   `toml:"profile,omitempty"`
	ID      string   `toml:"id,omitempty"`            // client id; "lend-NAME" if empty
	Secret  string   `toml:"secret_sha256,omitempty"` // of the client secret, in hexadecimal
	Former  string   `toml:"former_sha256,omitempty"` // of the secret before the last rotation
	Until   string   `toml:"former_until,omitempty"`  // when that one ends, as in RFC 3339
	Expires string   `toml:"expires,omitempty"`       // when the guest ends, as in RFC 3339
	Token   string   `toml:"token,omitempty"`         // "local", or "real": it gets the server's token
	Methods []string `toml:"methods,omitempty"`       // of API requests; none: all
	Paths   []string `toml:"paths,omitempty"`         // prefixes of API paths; none: all of the profile's
	From    []string `toml:"from,omitempty"`          // networks, as in 172.30.0.2/32; none: this machine
	Users   []int    `toml:"users,omitempty"`         // user ids of this machine, besides our own
	Azure   []string `toml:"azure,omitempty"`         // profiles that it gets as managed identities
	Cookies bool     `toml:"cookies,omitempty"`       // pass the API's Set-Cookie on
	Seal    string   `toml:"seal,omitempty"`          // by credhelper lend, in hexadecimal
}

// Guest is a program that uses a profile through the door (docs/door.md), as its file
// says.
type Guest struct {
	GuestFile
	Name     string
	File     string      // its path
	Secrets  [2][32]byte // SHA-256 of the secret, and of the former one; zero if there is none
	Ends     time.Time   // zero: never
	Replaced time.Time   // when the former secret ends
	Networks []netip.Prefix
}

// Real reports whether the guest gets the authorization server's token, not a local one.
func (g *Guest) Real() bool { return g.Token == "real" }

// Sealed returns what the seal of the file covers: all members but the seal.
func (f GuestFile) Sealed() ([]byte, error) {
	f.Seal = ""
	return toml.Marshal(f)
}

// Encode encodes the file as TOML.
func (f GuestFile) Encode() ([]byte, error) { return toml.Marshal(f) }

// ReadGuest parses a guest's file. The seal is not checked here.
func ReadGuest(name, path string, content []byte) (*Guest, error) {
	g := &Guest{Name: name, File: path}
	d, err := readDocument(path, content, &g.GuestFile)
	if err != nil {
		return nil, err
	}
	if g.ID == "" {
		g.ID = "lend-" + name
	}
	for _, take := range [...]func(*document) error{g.takeProfiles, g.takeSecrets, g.takeEnd, g.takeScope} {
		if err := take(d); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Guest) takeProfiles(d *document) error {
	if !protocol.ValidProfile(g.Profile) {
		return d.wrong("profile", "has to be the name of a profile")
	}
	for _, name := range g.Azure {
		if !protocol.ValidProfile(name) {
			return d.wrong("azure", "has to be a list of names of profiles")
		}
	}
	if g.ID == "" || len(g.ID) > 128 || strings.ContainsFunc(g.ID, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }) {
		return d.wrong("id", "has to be 1 to 128 visible characters without a colon")
	}
	return nil
}

func (g *Guest) takeSecrets(d *document) error {
	for i, m := range [...]struct{ key, value string }{{"secret_sha256", g.Secret}, {"former_sha256", g.Former}} {
		if m.value == "" && i == 1 {
			continue
		}
		raw, err := hex.DecodeString(m.value)
		if err != nil || len(raw) != len(g.Secrets[i]) {
			return d.wrong(m.key, "has to be 64 hexadecimal digits")
		}
		g.Secrets[i] = [32]byte(raw)
	}
	return nil
}

func (g *Guest) takeEnd(d *document) (err error) {
	for _, m := range [...]struct {
		key, value string
		into       *time.Time
	}{{"expires", g.Expires, &g.Ends}, {"former_until", g.Until, &g.Replaced}} {
		if m.value == "" {
			continue
		}
		if *m.into, err = time.Parse(time.RFC3339, m.value); err != nil {
			return d.wrong(m.key, "has to be a time such as 2027-01-31T12:00:00Z")
		}
	}
	return nil
}

// takeScope reads what the guest may do, and from where.
func (g *Guest) takeScope(d *document) error {
	if !slices.Contains([]string{"", "local", "real"}, g.Token) {
		return d.wrong("token", `is "local" or "real"`)
	}
	for _, m := range g.Methods {
		if m == "" || strings.ContainsFunc(m, func(c rune) bool { return c < 'A' || c > 'Z' }) {
			return d.wrong("methods", `has to be a list of methods such as "GET"`)
		}
	}
	for _, p := range g.Paths {
		if _, err := origin.Parse("https://localhost" + p); err != nil || !strings.HasPrefix(p, "/") {
			return d.wrong("paths", `has to be a list of paths such as "/rest/v1"`)
		}
	}
	for _, n := range g.From {
		prefix, err := netip.ParsePrefix(n)
		if err != nil || prefix.Masked() != prefix {
			return d.wrong("from", `has to be a list of networks such as "172.30.0.2/32"`)
		}
		if prefix.Bits() == 0 {
			return d.wrong("from", "is everybody: name the networks of the guest")
		}
		g.Networks = append(g.Networks, prefix)
	}
	for _, uid := range g.Users {
		if uid < 0 {
			return d.wrong("users", "has to be a list of user ids")
		}
	}
	return nil
}
