// Package config parses and writes configuration files: profiles, presets and settings.
// It checks them completely, and determines what the secret of a profile is bound to
// and which sources on this machine a profile names.
//
// Finding the files is the task of package home; the only file that is read here is the
// CA bundle of a profile.
package config

import (
	"cmp"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/origin"
)

// Profile is one client of one authorization server, resolved from its file, its preset
// and the defaults. It contains no secret.
type Profile struct {
	Name       string
	File       string // path of its file; "" for a draft
	Preset     string // "" if there is none
	PresetFile string // path of the preset's file; "" if it is embedded, or if there is none
	Title      string // of the system, for people
	DoorError  string // body of an error as the product's API writes it; "" if the preset does not know

	URL      string          // base of relative URLs, without a trailing slash; may be empty
	Origins  []origin.Origin // where the token may go; none: only by name (O1)
	ByName   bool            // it claims no URL: only a caller that names it is answered
	ClientID string

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
	Audiences  []string // further ones that a request may be narrowed to
	Resource   []string
	Params     [][2]string // in ascending order of names

	Redirect  string          // of sign-ins with a browser; "": http://127.0.0.1/, any port
	Assertion oauth.Assertion // how JWTs are signed; Ready is nil
	Cert      string          // path of the key's certificate; may be empty
	Key       []string        // source of the private key; nil: the secret is the key, if one is needed
	From      []string        // source of an assertion of another issuer; may be nil
	Subject   []string        // source of the token to be exchanged; may be nil
	Token     []string        // source of a token that another program made; may be nil
	Exchange  oauth.Use       // the token types of an exchange

	Secret        []string  // {"keyring"}, or a source as in keyring.NewSource
	SecretExpires time.Time // as recorded by a person; zero if unknown

	SecretEnvironment []string // variables for the commands that print secrets, in the file's order

	Username string // for tools that only know Basic
	Header   string // header field; "" is Authorization
	Scheme   string // the word before the token in it; "Bearer", or "" for the bare token

	MinTTL     time.Duration // a token that expires sooner is replaced first
	DefaultTTL time.Duration // lifetime of a token if the server states none; 0: 300 s
	MaxTTL     time.Duration // longest accepted lifetime; 0: 24 h

	// RefreshOn lists the HTTP statuses, besides 401, that may mean a dead token;
	// usually nil.
	RefreshOn []int

	Pool       Pool          // with whom it shares its tokens; its name is "" for most
	Limit      int           // requests a second that credhelper proxy sends to the API; 0: any number
	GitQuit    bool          // git asks no other helper when this profile fails
	Timeout    time.Duration // of an answer that needs a fetch; 0: 8 s
	ClientCert []string      // source of the key and certificate for TLS, in addition to the client authentication; may be nil

	CAFile string
	CA     []byte // its content; nil: the system's
	Proxy  string // "" is the environment's; or "none", or a URL

	AllowMissingTokenType bool
	AllowFormReply        bool
	AllowTokenTypes       []string    // treated as Bearer
	SendsIssuer           bool        // the server's authorization responses always have iss
	RequestHeaders        [][2]string // of token requests, in ascending order of names
	RequireScopes         bool
	WideToken             bool // token_charset = "wide"

	Probe probe
	Notes string

	Sources []Source // the keys of file, preset and defaults that refer to this machine, in the order of the file

	Stamps []cache.Stamp // of the files it was read from; nil if they might not show the next change

	Replaces bool // a draft that takes the place of a profile of that name

	text    []byte   // the file as written
	file    File     // the same, decoded
	preset  *Preset  // may be nil
	leftOut []string // scopes that Narrow took away; usually nil
}

// InKeyring reports whether the secret is stored in the keyring.
func (p *Profile) InKeyring() bool { return len(p.Secret) == 1 && p.Secret[0] == inKeyring }

// OriginTexts returns the origins in canonical form, as in sealed entries.
func (p *Profile) OriginTexts() []string {
	texts := make([]string, len(p.Origins))
	for i, o := range p.Origins {
		texts[i] = o.String()
	}
	return texts
}

// HeaderText returns the header as written in a profile, "Authorization: Bearer
// {token}".
func (p *Profile) HeaderText() string {
	return cmp.Or(p.Header, "Authorization") + ": " + strings.TrimLeft(p.Scheme+" {token}", " ")
}

// System returns the title for tables: the preset's, or the host of the token URL.
func (p *Profile) System() string {
	if p.Title != "" {
		return p.Title
	}
	return hostOf(p.TokenURL)
}
