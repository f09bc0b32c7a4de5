package guest

import (
	"cmp"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// File is the content of a guest's file. It contains no secret: of the local one
// only a hash, which is enough because it has 256 random bits. The order of the members
// is the order in which credhelper writes them, and what a seal covers.
type File struct {
	Profile string   `toml:"profile,omitempty"`
	ID      string   `toml:"id,omitempty"`            // client id; "lend-NAME" if empty
	Secret  string   `toml:"secret_sha256,omitempty"` // of the client secret, in hexadecimal
	Former  string   `toml:"former_sha256,omitempty"` // of the secret before the last rotation
	Until   string   `toml:"former_until,omitempty"`  // when that one ends, as in RFC 3339
	Expires string   `toml:"expires,omitempty"`       // when the guest ends, as in RFC 3339, or a date
	Token   string   `toml:"token,omitempty"`         // "local", or "real": it gets the server's token
	Methods []string `toml:"methods,omitempty"`       // of API requests; none: all
	Paths   []string `toml:"paths,omitempty"`         // prefixes of API paths; none: all of the profile's
	From    []string `toml:"from,omitempty"`          // networks, as in 172.30.0.2/32; none: this machine
	Users   []int    `toml:"users,omitempty"`         // user ids of this machine, besides our own
	Azure   []string `toml:"azure,omitempty"`         // profiles that it gets as managed identities
	Cookies bool     `toml:"cookies,omitempty"`       // pass the API's Set-Cookie on
	InPath  bool     `toml:"in_path,omitempty"`       // its secret may be the first segment of the path
	Seal    string   `toml:"seal,omitempty"`          // by credhelper lend, in hexadecimal
}

// Guest is a program that uses a profile through the door (docs/door.md), as its file
// says.
type Guest struct {
	File
	Name     string
	FilePath string
	Secrets  [2][32]byte // SHA-256 of the secret, and of the former one; zero if there is none
	Ends     time.Time   // zero: never
	Replaced time.Time   // when the former secret ends
	Networks []netip.Prefix
}

// Real reports whether the guest gets the authorization server's token, not a local one.
func (g *Guest) Real() bool { return g.Token == "real" }

// Encode encodes the file as TOML.
func (f File) Encode() ([]byte, error) { return configfile.Marshal(f) }

// parse parses a guest's file. The seal is not checked here.
func parse(name, path string, content []byte) (*Guest, error) {
	g := &Guest{Name: name, FilePath: path}
	d, err := configfile.Parse(path, content, &g.File)
	if err != nil {
		return nil, err
	}
	g.ID = cmp.Or(g.ID, "lend-"+name)
	if err := g.takeSecrets(d.Wrong); err != nil {
		return nil, err
	}
	if err := g.take(d.Wrong); err != nil {
		return nil, err
	}
	return g, nil
}

// wrongFunc makes the error about a member, by its key.
type wrongFunc func(key, format string, args ...any) error

// Check fails if what a new guest is to be is not valid; wrong makes the error of a member.
func (f File) Check(wrong func(key, format string, args ...any) error) error {
	return (&Guest{File: f}).take(wrong)
}

// take reads the members, without the secrets.
func (g *Guest) take(wrong wrongFunc) error {
	for _, take := range [...]func(wrongFunc) error{g.takeProfiles, g.takeEnd, g.takeScope} {
		if err := take(wrong); err != nil {
			return err
		}
	}
	return nil
}

// Ended reports whether the guest's time is over.
func (g *Guest) Ended(now time.Time) bool { return !g.Ends.IsZero() && !now.Before(g.Ends) }

// Over is the error for a guest that ended.
func (g *Guest) Over() *protocol.Error {
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: "guest " + g.Name + " " + g.ending(),
		Hint: "a new secret and a later end: credhelper lend --rotate " + g.Name + " --expires 90d; take it back: credhelper lend --revoke " + g.Name}
}

func (g *Guest) takeProfiles(wrong wrongFunc) error {
	if !protocol.ValidProfile(g.Profile) {
		return wrong("profile", "has to be the name of a profile")
	}
	for _, name := range g.Azure {
		if !protocol.ValidProfile(name) {
			return wrong("azure", "has to be a list of names of profiles")
		}
	}
	if g.ID == "" || len(g.ID) > 128 || strings.ContainsFunc(g.ID, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }) {
		return wrong("id", "has to be 1 to 128 visible characters without a colon")
	}
	return nil
}

func (g *Guest) takeSecrets(wrong wrongFunc) error {
	for i, m := range [...]struct{ key, value string }{{"secret_sha256", g.Secret}, {"former_sha256", g.Former}} {
		if m.value == "" && i == 1 {
			continue
		}
		raw, err := hex.DecodeString(m.value)
		if err != nil || len(raw) != len(g.Secrets[i]) {
			return wrong(m.key, "has to be 64 hexadecimal digits")
		}
		g.Secrets[i] = [32]byte(raw)
	}
	return nil
}

func (g *Guest) takeEnd(wrong wrongFunc) (err error) {
	for _, m := range [...]struct {
		key, value string
		into       *time.Time
	}{{"expires", g.Expires, &g.Ends}, {"former_until", g.Until, &g.Replaced}} {
		if m.value == "" {
			continue
		}
		if *m.into, err = parseTime(m.value); err != nil {
			return wrong(m.key, "has to be a time such as 2027-01-31T12:00:00Z, or a date")
		}
	}
	return nil
}

// parseTime parses a time of RFC 3339, or a date, which is its first moment in UTC.
func parseTime(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}

// takeScope reads what the guest may do, and from where.
func (g *Guest) takeScope(wrong wrongFunc) error {
	if !slices.Contains([]string{"", "local", "real"}, g.Token) {
		return wrong("token", `is "local" or "real"`)
	}
	for _, m := range g.Methods {
		if m == "" || strings.ContainsFunc(m, func(c rune) bool { return c < 'A' || c > 'Z' }) {
			return wrong("methods", `has to be a list of methods such as "GET"`)
		}
	}
	for _, p := range g.Paths {
		if _, err := origin.Parse("https://localhost" + p); err != nil || !strings.HasPrefix(p, "/") {
			return wrong("paths", `has to be a list of paths such as "/rest/v1"`)
		}
	}
	for _, n := range g.From {
		prefix, err := netip.ParsePrefix(n)
		if err != nil || prefix.Masked() != prefix || prefix.Addr().Is4In6() { // a peer's address is never one of those
			return wrong("from", `has to be a list of networks such as "172.30.0.2/32"`)
		}
		if prefix.Bits() == 0 {
			return wrong("from", "is everybody: name the networks of the guest")
		}
		g.Networks = append(g.Networks, prefix)
	}
	for _, uid := range g.Users {
		if uid < 0 {
			return wrong("users", "has to be a list of user ids")
		}
	}
	return nil
}
