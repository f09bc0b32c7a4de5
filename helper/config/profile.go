// Package config is what the files of a configuration say: profiles, presets and
// settings, read strictly and checked as a whole, and written. It says what the secret of
// a profile is bound to, and what of this machine a profile names.
//
// Texts become values here. Where the files lie is package home's; the only file that is
// read here is the bundle of authorities that a profile names.
package config

import (
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Profile is one client of one authorization server, resolved: what its file
// says, what its preset adds, and the defaults. There is no secret in it.
type Profile struct {
	Name       string
	File       string // path that it was read from; "" for a draft
	Preset     string // "" if there is none
	PresetFile string // path that the preset was read from; "" if it is embedded, or there is none
	Title      string // of the system, for people

	URL      string          // base of relative URLs, no slash at its end; "" if none
	Origins  []origin.Origin // where the token may go; none: by name only (O1)
	ClientID string
	Tenant   string
	Cloud    string

	TokenURL         string
	AuthorizationURL string
	DeviceURL        string
	RevocationURL    string
	IntrospectionURL string
	Issuer           string

	Grant      string // row of oauth.Grants
	ClientAuth string // row of oauth.ClientAuths, by the name that the profile says
	RawBasic   bool
	Scopes     []string
	Audience   string
	Resource   []string
	Params     [][2]string // in ascending order of names

	Redirect  string          // of sign-ins with a browser; "": http://127.0.0.1/, any port
	Assertion oauth.Assertion // how JWTs are signed; Ready is nil
	Cert      string          // path of the key's certificate; "" if there is none
	Key       []string        // source of the private key; nil: the secret is the key, where one is needed
	From      []string        // source of a ready assertion; nil: none
	Subject   []string        // source of the token to be exchanged; nil: none
	Exchange  oauth.Use       // the types of an exchange

	Secret        []string  // {"keyring"}, or a source as keyring.NewSource takes it
	SecretExpires time.Time // what the person noted; zero if nothing

	SecretEnvironment []string // variables that the commands which print secrets get, in the file's order

	Username string // for tools that only know Basic
	Header   string // header field; "" is Authorization
	Scheme   string // what precedes the token in it; "Bearer", or "" for the bare token

	MinTTL     time.Duration // a token with less left is replaced first
	DefaultTTL time.Duration // of tokens whose answer tells none; 0: 300 s
	MaxTTL     time.Duration // longest life believed; 0: 24 h

	// RefreshOn are the statuses, besides 401, by which the API may say that the token
	// is dead; nil for most.
	RefreshOn []int

	GitQuit    bool          // git asks nobody else when this profile fails
	Timeout    time.Duration // of an answer in which a token has to be fetched; 0: 8 s
	ClientCert []string      // source of the key and certificate that TLS shows beside the client authentication; nil: none

	CAFile string
	CA     []byte // its content; nil: the system's
	Proxy  string // "" is the environment's, "none", or a URL

	AllowMissingTokenType bool
	AllowFormReply        bool
	AllowTokenTypes       []string    // count as Bearer
	SendsIssuer           bool        // the server's answers to a sign-in always have iss
	RequestHeaders        [][2]string // of token requests, in ascending order of names
	RequireScopes         bool
	WideToken             bool // token_charset = "wide"

	Probe Probe
	Notes string

	Stamps []cache.Stamp // of the files behind it; nil if they would not show the next change

	text    []byte   // the file as written
	file    File     // the same, read
	preset  *Preset  // nil if there is none
	sources []Source // of the file, the preset and the defaults
}

// InKeyring reports whether the secret is kept in the keyring, and not elsewhere.
func (p *Profile) InKeyring() bool { return len(p.Secret) == 1 && p.Secret[0] == inKeyring }

// OriginTexts are the origins in canonical form, as sealed entries hold them.
func (p *Profile) OriginTexts() []string {
	texts := make([]string, len(p.Origins))
	for i, o := range p.Origins {
		texts[i] = o.String()
	}
	return texts
}

// HeaderText is the header as a profile writes it, "Authorization: Bearer {token}".
func (p *Profile) HeaderText() string {
	name := p.Header
	if name == "" {
		name = "Authorization"
	}
	return name + ": " + strings.TrimLeft(p.Scheme+" {token}", " ")
}

// System is the title for tables: the preset's, or the host of the token URL.
func (p *Profile) System() string {
	if p.Title != "" {
		return p.Title
	}
	return hostOf(p.TokenURL)
}

// Sources lists the members of the profile, of its preset and of the defaults that
// name a place on this machine, in the order of the file.
func (p *Profile) Sources() []Source { return p.sources }
