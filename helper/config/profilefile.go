package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// File is the content of a profile's file; a missing key is set by the preset, then by
// the defaults. The order of the members is the order in which credhelper writes them.
// No member is a secret.
type File struct {
	Preset   string `toml:"preset,omitempty" reads:"-"`
	URL      string `toml:"url,omitempty" reads:"-"`
	Tenant   string `toml:"tenant,omitempty" reads:"-"`
	Cloud    string `toml:"cloud,omitempty" reads:"-"`
	ClientID string `toml:"client_id,omitempty" reads:"-"`

	Origins          *[]string `toml:"origins,omitempty" reads:"-"` // nil: the url; an empty list: none (O1)
	ByName           *bool     `toml:"by_name,omitempty" reads:"-"` // true: origins is where the token may go, and claims nothing
	TokenURL         string    `toml:"token_url,omitempty" reads:"-"`
	AuthorizationURL string    `toml:"authorization_url,omitempty" reads:"-"`
	DeviceURL        string    `toml:"device_url,omitempty" reads:"-"`
	RevocationURL    string    `toml:"revocation_url,omitempty" reads:"-"`
	IntrospectionURL string    `toml:"introspection_url,omitempty" reads:"-"`
	Issuer           string    `toml:"issuer,omitempty" reads:"-"`

	Grant         string         `toml:"grant,omitempty" reads:"-"`
	ClientAuth    string         `toml:"client_auth,omitempty" reads:"-"`
	BasicEncoding string         `toml:"basic_encoding,omitempty" reads:"-"` // "form", "raw"
	Scopes        []string       `toml:"scopes,omitempty" reads:"-"`
	Audience      string         `toml:"audience,omitempty" reads:"-"`
	Audiences     []string       `toml:"audiences,omitempty" reads:"-"` // further ones that a request may ask for
	Resource      any            `toml:"resource,omitempty" reads:"-"`  // a string or a list
	Params        map[string]any `toml:"params,omitempty" reads:"-"`    // each a string or a list

	SendsIssuer         *bool             `toml:"sends_issuer,omitempty" reads:"-"`          // iss is in every authorization response (RFC 9207)
	TokenRequestHeaders map[string]string `toml:"token_request_headers,omitempty" reads:"-"` // no credentials

	Secret        any `toml:"secret,omitempty" reads:"secret"`    // "keyring", or a source's list
	SecretExpires any `toml:"secret_expires,omitempty" reads:"-"` // a date

	SecretEnvironment []string `toml:"secret_environment,omitempty" reads:"environment"` // names of variables for the commands that print secrets

	Username string `toml:"username,omitempty" reads:"-"`
	Header   string `toml:"header,omitempty" reads:"-"` // "NAME" or "NAME: TEMPLATE"

	MinTTL     any `toml:"min_ttl,omitempty" reads:"-"` // seconds, or "90s", "5m", "1h"
	DefaultTTL any `toml:"default_ttl,omitempty" reads:"-"`
	MaxTTL     any `toml:"max_ttl,omitempty" reads:"-"`

	CAFile string `toml:"ca_file,omitempty" reads:"file"`
	Proxy  string `toml:"proxy,omitempty" reads:"-"` // "none" or a URL

	Pool       string `toml:"pool,omitempty" reads:"pool"`          // of hosts that share tokens: a section of config.toml
	Timeout    any    `toml:"timeout,omitempty" reads:"-"`          // of an answer: seconds, or "20s"
	ClientCert any    `toml:"client_cert,omitempty" reads:"secret"` // source of a key with its certificate, for TLS

	RefreshOn []int  `toml:"refresh_on,omitempty" reads:"-"` // HTTP statuses
	Limit     string `toml:"limit,omitempty" reads:"-"`      // of requests through the door: "10/s"
	GitQuit   *bool  `toml:"git_quit,omitempty" reads:"-"`   // false: git asks its next helper, or the user

	AllowMissingTokenType *bool    `toml:"allow_missing_token_type,omitempty" reads:"-"`
	AllowFormReply        *bool    `toml:"allow_form_reply,omitempty" reads:"-"`
	AllowTokenTypes       []string `toml:"allow_token_types,omitempty" reads:"-"`
	RequireScopes         *bool    `toml:"require_scopes,omitempty" reads:"-"`
	TokenCharset          string   `toml:"token_charset,omitempty" reads:"-"` // "wide"

	Redirect           string `toml:"redirect,omitempty" reads:"-"`           // where the browser returns to; with a fixed port or any
	SubjectToken       any    `toml:"subject_token,omitempty" reads:"secret"` // source of the token to be exchanged
	SubjectTokenType   string `toml:"subject_token_type,omitempty" reads:"-"`
	RequestedTokenType string `toml:"requested_token_type,omitempty" reads:"-"`
	Token              any    `toml:"token,omitempty" reads:"secret"` // source of a token that another program made (grant "given")

	Assertion *assertionFile `toml:"assertion,omitempty" reads:"-"`
	Probe     *probe         `toml:"probe,omitempty" reads:"-"`
	Notes     string         `toml:"notes,omitempty" reads:"-"`
}

// assertionFile has the settings of assertions and the source of the key.
type assertionFile struct {
	Key        any               `toml:"key,omitempty" reads:"secret"`   // a source's list; nil: the profile's secret is the key
	Cert       string            `toml:"cert,omitempty" reads:"file"`    // absolute path, PEM or DER
	Alg        string            `toml:"alg,omitempty" reads:"-"`        // row of oauth.Algs
	Kid        string            `toml:"kid,omitempty" reads:"-"`        // the key's id at the server
	Thumbprint string            `toml:"thumbprint,omitempty" reads:"-"` // "x5t", "x5t#S256", "both", "none"
	Aud        string            `toml:"aud,omitempty" reads:"-"`
	Iss        string            `toml:"iss,omitempty" reads:"-"`
	Sub        string            `toml:"sub,omitempty" reads:"-"`
	Life       any               `toml:"life,omitempty" reads:"-"`
	ScopeClaim *bool             `toml:"scope_claim,omitempty" reads:"-"` // put scopes into the assertion, not the form
	Claims     map[string]string `toml:"claims,omitempty" reads:"-"`
	From       any               `toml:"from,omitempty" reads:"secret"` // source of an assertion of another issuer
}

// probe is a harmless request that shows which account the token belongs to.
type probe struct {
	Method   string   `toml:"method,omitempty" reads:"-"`   // "GET" if empty
	Path     string   `toml:"path,omitempty" reads:"-"`     // below the profile's url; "" for no probe
	Identity []string `toml:"identity,omitempty" reads:"-"` // dotted JSON members that name the account, or templates with them in braces
}

// encode encodes the profile as TOML.
func (f *File) encode() ([]byte, error) { return configfile.Marshal(f) }

// fill sets the members that are missing in f to those of under.
func (f *File) fill(under *File) {
	if f.Assertion != nil && under.Assertion != nil { // a file may have a part of it
		whole := *f.Assertion
		fillGaps(reflect.ValueOf(&whole).Elem(), reflect.ValueOf(under.Assertion).Elem())
		f.Assertion = &whole
	}
	fillGaps(reflect.ValueOf(f).Elem(), reflect.ValueOf(under).Elem())
}

func fillGaps(to, from reflect.Value) {
	for i := range to.NumField() {
		if value := from.Field(i); !value.IsZero() && to.Field(i).IsZero() {
			to.Field(i).Set(value)
		}
	}
}

// Lacks reports whether the file lacks a key.
func (f *File) Lacks(key string) bool {
	v := reflect.ValueOf(f).Elem()
	if rest, of := strings.CutPrefix(key, "assertion."); of {
		if f.Assertion == nil {
			return true
		}
		v, key = reflect.ValueOf(f.Assertion).Elem(), rest
	}
	for i, tag := range configfile.Tags(v.Type()) {
		if tag.Key == key {
			return v.Field(i).IsZero()
		}
	}
	return true
}

// Set sets the value of a key from text: lists are separated by spaces and commas, or
// written as in TOML, ["a", "b"]; params are NAME=VALUE. An unknown key is an error
// with the nearest known one.
func (f *File) Set(key, value string) error {
	keys := configfile.Keys(reflect.TypeFor[File]())
	switch name, rest, dotted := strings.Cut(key, "."); {
	case dotted && name == "params":
		if f.Params == nil {
			f.Params = map[string]any{}
		}
		f.Params[rest] = value
		if list, written := tomlList(value); written {
			f.Params[rest] = list
		}
		return nil
	case dotted && name == "token_request_headers":
		if f.TokenRequestHeaders == nil {
			f.TokenRequestHeaders = map[string]string{}
		}
		f.TokenRequestHeaders[rest] = value
		return nil
	case key == "cert", key == "key", dotted && name == "assertion":
		return f.setAssertion(strings.TrimPrefix(key, "assertion."), value)
	case key == "probe" || key == "probe.path":
		f.Probe = &probe{Path: value}
		return nil
	case !keys[key] || dotted:
		text := fmt.Sprintf("unknown key %q", key)
		if near := configfile.Nearest(key, keys); near != "" {
			text += "; did you mean " + near + "?"
		}
		return protocol.Malformed(text)
	}
	v := reflect.ValueOf(f).Elem()
	for i, tag := range configfile.Tags(v.Type()) {
		if tag.Key == key {
			return setText(v.Field(i), key, value)
		}
	}
	return protocol.Malformed("key " + key + " cannot be set this way; use credhelper edit")
}

// setAssertion sets a key of the assertion table. Naming a key or certificate implies
// signing with it, unless the client authentication is set.
func (f *File) setAssertion(key, value string) error {
	if f.Assertion == nil {
		f.Assertion = &assertionFile{}
	}
	if (key == "cert" || key == "key") && f.ClientAuth == "" && f.Grant == "" {
		f.ClientAuth = "private_key_jwt"
	}
	if name, claim := strings.CutPrefix(key, "claims."); claim {
		if f.Assertion.Claims == nil {
			f.Assertion.Claims = map[string]string{}
		}
		f.Assertion.Claims[name] = value
		return nil
	}
	v := reflect.ValueOf(f.Assertion).Elem()
	for i, tag := range configfile.Tags(v.Type()) {
		switch {
		case tag.Key != key || tag.Key == "claims":
		case tag.Key == "key" || tag.Key == "from":
			list := words(value)
			if len(list) == 1 && !strings.HasPrefix(value, "[") {
				list = []string{"file", value}
			}
			v.Field(i).Set(reflect.ValueOf(list))
			return nil
		default:
			return setText(v.Field(i), "assertion."+key, value)
		}
	}
	return protocol.Malformed("unknown key assertion." + printable.Value(key))
}

func setText(v reflect.Value, key, value string) error {
	switch v.Interface().(type) {
	case string:
		v.SetString(value)
	case []string:
		v.Set(reflect.ValueOf(words(value)))
	case *[]string:
		list := words(value)
		v.Set(reflect.ValueOf(&list))
	case []int:
		var list []int
		for _, w := range words(value) {
			n, err := strconv.Atoi(w)
			if err != nil {
				return protocol.Malformed(key + " is a list of numbers")
			}
			list = append(list, n)
		}
		v.Set(reflect.ValueOf(list))
	case *bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return protocol.Malformed(key + " is true or false")
		}
		v.Set(reflect.ValueOf(&b))
	default:
		if v.Kind() != reflect.Interface {
			return protocol.Malformed("key " + key + " cannot be set this way; use credhelper edit")
		}
		v.Set(reflect.ValueOf(value))
		if key == "client_cert" && len(words(value)) == 1 {
			v.Set(reflect.ValueOf([]string{"file", value}))
		}
		if slices.Contains(severalKeys[:], key) {
			if list := words(value); len(list) > 1 || strings.HasPrefix(value, "[") {
				v.Set(reflect.ValueOf(list))
			}
		}
	}
	return nil
}

// severalKeys are the keys whose value is a string or a list.
var severalKeys = [...]string{"secret", "subject_token", "token", "client_cert", "resource"}

// tomlList parses a list in TOML's form; false for any other text.
func tomlList(s string) (list []string, written bool) {
	if !strings.HasPrefix(s, "[") {
		return nil, false
	}
	var into struct{ V []string }
	if _, err := configfile.ParseOwn("", []byte("V = "+s), &into); err != nil {
		return nil, false
	}
	return into.V, true
}

// words splits a list that was typed.
func words(s string) []string {
	if list, written := tomlList(s); written {
		return list
	}
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
}

// textList returns a value that is a string or a list of strings.
func textList(v any) ([]string, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case []string:
		return v, true
	case []any:
		list := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			list[i] = s
		}
		return list, true
	}
	return nil, false
}

// longestSetting is the maximum of durations in the configuration.
const longestSetting = 30 * 24 * time.Hour

// duration parses a value that is a number of seconds or a string like "90s", "5m",
// "1h".
func duration(v any) (time.Duration, bool) {
	var d time.Duration
	switch v := v.(type) {
	case nil:
		return 0, true
	case int64:
		if v < 0 || v > int64(longestSetting/time.Second) {
			return 0, false
		}
		d = time.Duration(v) * time.Second
	case string:
		var err error
		if n, e := strconv.ParseInt(v, 10, 32); e == nil {
			d = time.Duration(n) * time.Second
		} else if d, err = time.ParseDuration(v); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return d, d >= 0 && d <= longestSetting && d%time.Second == 0
}

// day parses a date, at whose beginning, in UTC, something expires.
func day(v any) (time.Time, bool) {
	switch v := v.(type) {
	case nil:
		return time.Time{}, true
	case configfile.LocalDate:
		return v.AsTime(time.UTC), true
	case time.Time:
		return v.UTC(), true
	case string:
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

func yes(b *bool) bool { return b != nil && *b }

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
