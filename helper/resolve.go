package helper

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// inKeyring is the word of a profile whose secret is in the keyring.
const inKeyring = "keyring"

// resolver makes profiles of files. It reads settings and each preset once.
type resolver struct {
	helper   *Helper
	settings Settings
	presets  map[string]*Preset
}

func (h *Helper) resolver() (*resolver, error) {
	settings, err := h.Settings()
	if err != nil {
		return nil, err
	}
	return &resolver{helper: h, settings: settings, presets: map[string]*Preset{}}, nil
}

func (r *resolver) preset(name string) (*Preset, error) {
	if p, known := r.presets[name]; known {
		return p, nil
	}
	p, err := r.helper.Preset(name)
	if err == nil {
		r.presets[name] = p
	}
	return p, err
}

// profile reads a profile: what its file says, then its preset, then the settings.
// place is the path for messages and may be a made-up one for drafts.
func (r *resolver) profile(name, place string, content []byte) (*Profile, error) {
	p := &Profile{Name: name, text: content}
	d, err := readDocument(place, content, &p.file)
	if err != nil {
		return nil, err
	}
	if err := d.checkTexts(reflect.ValueOf(p.file), ""); err != nil {
		return nil, err
	}
	whole := p.file
	if whole.Preset != "" {
		if p.preset, err = r.preset(whole.Preset); err != nil {
			return nil, about(name, err, "")
		}
		if err := p.preset.complete(&whole, d); err != nil {
			return nil, err
		}
		p.Preset, p.Title = p.preset.Name, p.preset.Title
	}
	whole.fill(File{CAFile: r.settings.Defaults.CAFile, Proxy: r.settings.Defaults.Proxy, MinTTL: r.settings.Defaults.MinTTL,
		Grant: "client_credentials", ClientAuth: "basic", Secret: inKeyring})
	for _, step := range [...]func(*document, *File) error{
		p.takeAddresses, p.takeClient, p.takeSecret, p.takeHeader, p.takeLives, p.takeConnection, p.takeProbe,
	} {
		if err := step(d, &whole); err != nil {
			return nil, err
		}
	}
	return p, p.check(d)
}

// checkTexts refuses control characters and what is no UTF-8 in every text.
func (d *document) checkTexts(v reflect.Value, key string) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return d.checkTexts(v.Elem(), key)
		}
	case reflect.String:
		for _, c := range v.String() {
			if unicode.IsControl(c) && !(key == "notes" && c == '\n') || c == unicode.ReplacementChar {
				return d.wrong(key, "holds a control character")
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := d.checkTexts(v.Index(i), key); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if err := d.checkTexts(v.MapIndex(k), key+"."+k.String()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue // of a date
			}
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ",")
			if err := d.checkTexts(v.Field(i), strings.TrimPrefix(key+"."+name, ".")); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete fills the gaps of a file from the preset.
func (preset *Preset) complete(f *File, d *document) error {
	for _, n := range preset.Needs {
		if f.missing(n.Key) {
			return d.wrong("", "preset %s needs %s: %s", preset.Name, n.Key, n.Ask)
		}
	}
	if strings.Trim(f.Tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" || strings.HasPrefix(f.Tenant, ".") {
		return d.wrong("tenant", "is a GUID or a domain name")
	}
	under := preset.Profile
	tenant, cloud := or(f.Tenant, under.Tenant), or(f.Cloud, under.Cloud)
	host, known := preset.Clouds[cloud]
	if cloud != "" && !known {
		return d.wrong("cloud", "%q is none of %s", short(cloud), strings.Join(sortedKeys(preset.Clouds), ", "))
	}
	base := or(f.URL, strings.ReplaceAll(under.URL, "{tenant}", tenant))
	if base != "" && base != "{url}" {
		canonical, problem := parseBase(base)
		if problem != "" {
			return d.wrong("url", "%s", problem)
		}
		base = canonical
	}
	fillIn := strings.NewReplacer("{url}", base, "{tenant}", tenant, "{cloud}", host)
	replaceTexts(reflect.ValueOf(&under).Elem(), fillIn)
	f.fill(under)
	return nil
}

// missing tells whether the file has no member of that key.
func (f *File) missing(key string) bool {
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ","); name == key {
			return v.Field(i).IsZero()
		}
	}
	return true
}

// replaceTexts fills in a preset's gaps, in a copy of what it refers to: a preset
// serves many profiles.
func replaceTexts(v reflect.Value, r *strings.Replacer) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.Replace(v.String()))
	case reflect.Pointer:
		if list, ok := v.Interface().(*[]string); ok && list != nil {
			own := slices.Clone(*list)
			replaceTexts(reflect.ValueOf(&own).Elem(), r)
			v.Set(reflect.ValueOf(&own))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.String {
			return
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			own.Index(i).SetString(r.Replace(v.Index(i).String()))
		}
		if v.Len() > 0 {
			v.Set(own)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			replaceTexts(v.Field(i), r)
		}
	}
}

func (p *Profile) takeAddresses(d *document, f *File) error {
	var problem string
	if f.URL != "" {
		if p.URL, problem = parseBase(f.URL); problem != "" {
			return d.wrong("url", "%s", problem)
		}
	}
	written := f.Origins
	if written == nil {
		written = &[]string{}
		if p.URL != "" {
			written = &[]string{p.URL}
		}
	}
	for _, s := range *written {
		o, problem := parseOrigin(s)
		if problem != "" {
			return d.wrong("origins", "%q: %s", short(s), problem)
		}
		if !slices.Contains(p.Origins, o) {
			p.Origins = append(p.Origins, o)
		}
	}
	for _, e := range [...]struct {
		key, text string
		into      *string
	}{
		{"token_url", f.TokenURL, &p.TokenURL}, {"authorization_url", f.AuthorizationURL, &p.AuthorizationURL},
		{"device_url", f.DeviceURL, &p.DeviceURL}, {"revocation_url", f.RevocationURL, &p.RevocationURL},
		{"introspection_url", f.IntrospectionURL, &p.IntrospectionURL}, {"issuer", f.Issuer, &p.Issuer},
	} {
		if e.text == "" {
			continue
		}
		if *e.into, problem = parseEndpoint(e.text); problem != "" {
			return d.wrong(e.key, "%s", problem)
		}
	}
	if p.TokenURL == "" {
		return d.wrong("token_url", "is missing, and there is no preset that knows it")
	}
	return nil
}

func (p *Profile) takeClient(d *document, f *File) error {
	p.ClientID, p.Tenant, p.Cloud = f.ClientID, f.Tenant, f.Cloud
	p.Grant, p.ClientAuth, p.Scopes, p.Audience = f.Grant, f.ClientAuth, f.Scopes, f.Audience
	if p.ClientID == "" {
		return d.wrong("client_id", "is missing")
	}
	if _, known := oauth.FindGrant(p.Grant); !known {
		return d.wrong("grant", "%q is none of %s", short(p.Grant), strings.Join(grantNames(), ", "))
	}
	if _, known := oauth.FindClientAuth(p.ClientAuth); !known {
		return d.wrong("client_auth", "%q is none of %s", short(p.ClientAuth), strings.Join(clientAuthNames(), ", "))
	}
	switch f.BasicEncoding {
	case "", "form":
	case "raw":
		p.RawBasic = true
	default:
		return d.wrong("basic_encoding", `is "form" (RFC 6749 2.3.1) or "raw"`)
	}
	if f.Assertion != nil {
		return d.wrong("assertion", "client_auth %q signs no assertions", p.ClientAuth)
	}
	var ok bool
	if p.Resource, ok = textList(f.Resource); !ok {
		return d.wrong("resource", "is a text or a list of texts")
	}
	for _, name := range sortedKeys(f.Params) {
		values, ok := textList(f.Params[name])
		if !ok {
			return d.wrong("params."+name, "is a text or a list of texts")
		}
		for _, v := range values {
			p.Params = append(p.Params, [2]string{name, v})
		}
	}
	return nil
}

func (p *Profile) takeSecret(d *document, f *File) error {
	var ok bool
	if p.Secret, ok = textList(f.Secret); !ok || len(p.Secret) == 0 {
		return d.wrong("secret", `is "keyring", or a list such as ["file", "/path"]`)
	}
	if !p.InKeyring() {
		if _, err := keyring.NewSource(p.Secret, keyring.Surroundings{}); err != nil {
			return d.wrong("secret", "%s", short(err.Error()))
		}
	}
	if p.SecretExpires, ok = day(f.SecretExpires); !ok {
		return d.wrong("secret_expires", "is a date, YYYY-MM-DD")
	}
	return nil
}

// takeHeader reads "NAME" or "NAME: TEMPLATE". What a sealed entry can hold is a
// word and the token, so that is what a template may say.
func (p *Profile) takeHeader(d *document, f *File) error {
	p.Username, p.Scheme = f.Username, "Bearer"
	if strings.ContainsRune(p.Username, ':') || !isASCII(p.Username) || len(p.Username) > 255 {
		return d.wrong("username", "is ASCII without a colon, as Basic needs it (RFC 7617 2)")
	}
	if f.Header == "" {
		return nil
	}
	name, template, given := strings.Cut(f.Header, ":")
	if given {
		word, found := strings.CutSuffix(strings.TrimSpace(template), "{token}")
		word, spaced := strings.CutSuffix(word, " ")
		if !found || word != "" && !(spaced && isToken(word)) {
			return d.wrong("header", `is "NAME" or "NAME: WORD {token}"`)
		}
		p.Scheme = word
	}
	if !isToken(name) || slices.Contains(framing[:], strings.ToLower(name)) {
		return d.wrong("header", "%q cannot be the name of the field that carries a token", short(name))
	}
	if !strings.EqualFold(name, "Authorization") {
		p.Header = name
	}
	return nil
}

// framing are the fields that would change the request itself.
var framing = [...]string{"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"}

// isToken is RFC 9110 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (p *Profile) takeLives(d *document, f *File) error {
	for _, t := range [...]struct {
		key   string
		value any
		into  *time.Duration
	}{{"min_ttl", f.MinTTL, &p.MinTTL}, {"default_ttl", f.DefaultTTL, &p.DefaultTTL}, {"max_ttl", f.MaxTTL, &p.MaxTTL}} {
		var ok bool
		if *t.into, ok = duration(t.value); !ok {
			return d.wrong(t.key, `is whole seconds, or a text such as "90s", "5m", "1h"`)
		}
	}
	return nil
}

func (p *Profile) takeConnection(d *document, f *File) error {
	const largestBundle = 1 << 20
	p.CAFile, p.Proxy = f.CAFile, f.Proxy
	if problem := parseProxy(p.Proxy); problem != "" {
		return d.wrong("proxy", "%s", problem)
	}
	if p.CAFile != "" {
		if !filepath.IsAbs(p.CAFile) { // T4: nothing depends on the current directory
			return d.wrong("ca_file", "is an absolute path")
		}
		var err error
		if p.CA, err = readProvided(p.CAFile, largestBundle); err != nil {
			return d.wrong("ca_file", "%s", clean(err.Error()))
		}
	}
	p.AllowMissingTokenType, p.AllowFormReply = yes(f.AllowMissingTokenType), yes(f.AllowFormReply)
	p.RequireScopes, p.Notes = yes(f.RequireScopes), f.Notes
	switch f.TokenCharset {
	case "":
	case "wide":
		p.WideToken = true
	default:
		return d.wrong("token_charset", `can only be "wide" (0x21-0x7E)`)
	}
	return nil
}

// takeProbe makes sure that the probe's token goes nowhere that the profile does
// not own.
func (p *Profile) takeProbe(d *document, f *File) error {
	if f.Probe == nil || f.Probe.Path == "" {
		return nil
	}
	p.Probe = *f.Probe
	switch p.Probe.Method {
	case "":
		p.Probe.Method = "GET"
	case "GET", "HEAD":
	default:
		return d.wrong("probe.method", `is "GET" or "HEAD": a probe changes nothing`)
	}
	if p.URL == "" {
		return d.wrong("probe", "needs url, which its path is taken under")
	}
	u, r := origin.ParseURL(p.ProbeURL())
	if r == origin.Release && p.Probe.Path[0] != '/' {
		r = origin.Form
	}
	if r == origin.Release {
		_, r = origin.Best(p.Origins, u)
	}
	if r != origin.Release {
		return d.wrong("probe", "lies outside the profile's origins: %s", r)
	}
	return nil
}

// ProbeURL is the address of the probe; "" if there is none.
func (p *Profile) ProbeURL() string {
	if p.Probe.Path == "" {
		return ""
	}
	return p.URL + p.Probe.Path
}

// check lets package oauth look at the whole, with a stand-in for the secret.
func (p *Profile) check(d *document) error {
	c := p.client()
	c.Secret = secret.New("stand-in")
	if err := c.Check(); err != nil {
		return d.wrong("", "%s", short(err.Error()))
	}
	return nil
}

// or is s, or what stands for it when it is empty.
func or(s, unset string) string {
	if s != "" {
		return s
	}
	return unset
}

func yes(b *bool) bool { return b != nil && *b }

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
