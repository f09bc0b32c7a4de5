package config

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Each function below reads some keys of a profile, after the preset and the defaults
// were applied, and reports errors with line and key. Together they accept nothing that
// a later step would have to check again.

func (p *Profile) takeAddresses(d *configfile.Document, f *File) error {
	var problem string
	if f.URL != "" {
		if p.URL, problem = parseBase(f.URL); problem != "" {
			return d.Wrong("url", "%s", problem)
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
			return d.Wrong("origins", "%q: %s", printable.Value(s), problem)
		}
		if !slices.Contains(p.Origins, o) {
			p.Origins = append(p.Origins, o)
		}
	}
	p.ByName = yes(f.ByName)
	for _, e := range [...]struct {
		key, text string
		into      *string
	}{
		{"issuer", f.Issuer, &p.Issuer}, // first, because a preset may make the others of it
		{"token_url", f.TokenURL, &p.TokenURL}, {"authorization_url", f.AuthorizationURL, &p.AuthorizationURL},
		{"device_url", f.DeviceURL, &p.DeviceURL}, {"revocation_url", f.RevocationURL, &p.RevocationURL},
		{"introspection_url", f.IntrospectionURL, &p.IntrospectionURL},
	} {
		if e.text == "" {
			continue
		}
		read := parseEndpoint
		if e.key == "issuer" {
			read = parseIssuer
		}
		if *e.into, problem = read(e.text); problem == "" {
			continue
		}
		if p.URL != "" && p.file.Lacks(e.key) && strings.HasPrefix(e.text, p.URL) {
			return d.Wrong("url", "%s", problem) // of which the preset makes this one
		}
		return d.Wrong(e.key, "%s", problem)
	}
	if grant, _ := oauth.FindGrant(f.Grant); p.TokenURL == "" && grant.Make == nil {
		return d.Wrong("token_url", "is missing, and there is no preset that knows it")
	}
	return nil
}

func (p *Profile) takeClient(d *configfile.Document, f *File) error {
	p.ClientID = f.ClientID
	p.Grant, p.ClientAuth, p.Scopes, p.Audience, p.Audiences = f.Grant, f.ClientAuth, f.Scopes, f.Audience, f.Audiences
	grant, known := oauth.FindGrant(p.Grant)
	if p.ClientID == "" && !grant.Clientless {
		return d.Wrong("client_id", "is missing")
	}
	if !known {
		return d.Wrong("grant", "%q is none of %s", printable.Value(p.Grant), strings.Join(grantNames(), ", "))
	}
	if _, known := oauth.FindClientAuth(p.ClientAuth); !known {
		return d.Wrong("client_auth", "%q is none of %s", printable.Value(p.ClientAuth), strings.Join(clientAuthNames(), ", "))
	}
	switch f.BasicEncoding {
	case "", "form":
	case "raw":
		p.RawBasic = true
	default:
		return d.Wrong("basic_encoding", `is "form" (RFC 6749 2.3.1) or "raw"`)
	}
	var ok bool
	if p.Resource, ok = textList(f.Resource); !ok {
		return d.Wrong("resource", "is a string or a list of strings")
	}
	for _, name := range sortedKeys(f.Params) {
		values, ok := textList(f.Params[name])
		if !ok {
			return d.Wrong("params."+name, "is a string or a list of strings")
		}
		for _, v := range values {
			p.Params = append(p.Params, [2]string{name, v})
		}
	}
	return nil
}

func (p *Profile) takeSecret(d *configfile.Document, f *File) error {
	var ok bool
	if p.Secret, ok = textList(f.Secret); !ok || len(p.Secret) == 0 {
		return d.Wrong("secret", `is "keyring", or a list such as %s`, fileSource())
	}
	if !p.InKeyring() {
		if _, err := keyring.NewSource(p.Secret, keyring.Surroundings{}); err != nil {
			return d.Wrong("secret", "%s", printable.Value(err.Error()))
		}
	}
	if p.SecretExpires, ok = day(f.SecretExpires); !ok {
		return d.Wrong("secret_expires", "is a date, YYYY-MM-DD")
	}
	return p.takeSecretEnvironment(d, f)
}

// takeSecretEnvironment reads the names of the variables for commands.
func (p *Profile) takeSecretEnvironment(d *configfile.Document, f *File) error {
	p.SecretEnvironment = f.SecretEnvironment
	if len(p.SecretEnvironment) > 0 && !slices.ContainsFunc(f.sources(), Source.runsCommand) {
		return d.Wrong("secret_environment", "is for the commands that print secrets, and this profile has none")
	}
	for _, name := range p.SecretEnvironment {
		if err := keyring.CheckVariable(name); err != nil {
			return d.Wrong("secret_environment", "%s", printable.Value(keyring.Detail(err).Error()))
		}
	}
	return nil
}

// takeHeader parses "NAME" or "NAME: TEMPLATE". A sealed entry can store a word and the
// token, so a template can contain only these.
func (p *Profile) takeHeader(d *configfile.Document, f *File) error {
	p.Username, p.Scheme = f.Username, "Bearer"
	if strings.ContainsRune(p.Username, ':') || !isASCII(p.Username) || len(p.Username) > 255 {
		return d.Wrong("username", "is ASCII without a colon, as Basic needs it (RFC 7617 2)")
	}
	if f.Header == "" {
		return nil
	}
	name, template, given := strings.Cut(f.Header, ":")
	if given {
		word, found := strings.CutSuffix(strings.TrimSpace(template), "{token}")
		word, spaced := strings.CutSuffix(word, " ")
		if !found || word != "" && !(spaced && isToken(word)) {
			return d.Wrong("header", `is "NAME" or "NAME: WORD {token}"`)
		}
		p.Scheme = word
	}
	if !isToken(name) || slices.Contains(framing[:], strings.ToLower(name)) {
		return d.Wrong("header", "%q cannot be the header that carries a token", printable.Value(name))
	}
	if !strings.EqualFold(name, "Authorization") {
		p.Header = name
	}
	return nil
}

// framing are the header fields that would change the request itself.
var framing = [...]string{"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"}

// isToken implements RFC 9110 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (p *Profile) takeRefreshOn(d *configfile.Document, f *File) error {
	for _, status := range f.RefreshOn {
		if status < 400 || status > 499 || status == 401 || status == 429 {
			return d.Wrong("refresh_on", "%d does not say that a token is dead: 403 and 404 may, and 401 always does", status)
		}
	}
	p.RefreshOn = slices.Compact(slices.Sorted(slices.Values(f.RefreshOn)))
	return nil
}

func (p *Profile) takeLimit(d *configfile.Document, f *File) (err error) {
	if f.Limit == "" {
		return nil
	}
	number, perSecond := strings.CutSuffix(f.Limit, "/s")
	if p.Limit, err = strconv.Atoi(number); err != nil || !perSecond || p.Limit < 1 || p.Limit > 10000 {
		return d.Wrong("limit", `has to be a number of requests a second: "10/s"`)
	}
	return nil
}

func (p *Profile) takeLives(d *configfile.Document, f *File) error {
	for _, t := range [...]struct {
		key   string
		value any
		into  *time.Duration
	}{{"min_ttl", f.MinTTL, &p.MinTTL}, {"default_ttl", f.DefaultTTL, &p.DefaultTTL}, {"max_ttl", f.MaxTTL, &p.MaxTTL}} {
		var ok bool
		if *t.into, ok = duration(t.value); !ok {
			return d.Wrong(t.key, `is whole seconds, or a string such as "90s", "5m", "1h"`)
		}
	}
	return nil
}

// longestGuess is the longest lifetime that may be assumed of a token that another program
// made: only that program knows when it expires.
const longestGuess = time.Hour

// takeToken reads the source of a token that another program made.
func (p *Profile) takeToken(d *configfile.Document, f *File) error {
	var ok bool
	if p.Token, ok = sourceOf(f.Token); !ok {
		return d.Wrong("token", "is a list such as %s", fileSource())
	}
	switch isGiven := p.Grant == "given"; {
	case isGiven && p.Token == nil:
		return d.Wrong("token", "is missing: where the token comes from")
	case !isGiven && p.Token != nil:
		return d.Wrong("token", `belongs to grant "given"`)
	case isGiven && p.DefaultTTL > longestGuess:
		return d.Wrong("default_ttl", "is at most 1h for a token that another program made")
	}
	return nil
}

// longestTimeout is the maximum of timeout in a profile.
const longestTimeout = 10 * time.Minute

// takeTLS reads the settings of connections to the endpoints, and the time limit.
func (p *Profile) takeTLS(d *configfile.Document, f *File) error {
	var ok bool
	if p.Timeout, ok = duration(f.Timeout); !ok || p.Timeout > longestTimeout {
		return d.Wrong("timeout", `is whole seconds, or a string such as "20s", at most 10 minutes`)
	}
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	p.ClientCert, ok = sourceOf(f.ClientCert)
	switch {
	case !ok || len(p.ClientCert) == 1:
		return d.Wrong("client_cert", "is a list such as %s: a file with the key and its certificate", fileSource())
	case p.ClientCert == nil:
	case auth.TLS:
		return d.Wrong("client_cert", "client_auth %q shows a certificate of its own", p.ClientAuth)
	case !strings.HasPrefix(p.TokenURL, "https:"):
		return d.Wrong("client_cert", "needs a token_url with https")
	}
	return nil
}

func (p *Profile) takeConnection(d *configfile.Document, f *File) error {
	const largestBundle = 1 << 20
	p.CAFile, p.Proxy = f.CAFile, f.Proxy
	if problem := parseProxy(p.Proxy); problem != "" {
		return d.Wrong("proxy", "%s", problem)
	}
	if p.CAFile != "" {
		if !filepath.IsAbs(p.CAFile) { // T4: do not depend on the current directory
			return d.Wrong("ca_file", "is an absolute path")
		}
		var err error
		if p.CA, err = configfile.Read(p.CAFile, largestBundle); err != nil {
			return d.Wrong("ca_file", "%s", printable.Line(err.Error()))
		}
	}
	p.Notes, p.GitQuit = f.Notes, f.GitQuit == nil || *f.GitQuit
	return nil
}

// takeAnswers reads the settings for servers that deviate from the standards.
func (p *Profile) takeAnswers(d *configfile.Document, f *File) error {
	p.AllowMissingTokenType, p.AllowFormReply = yes(f.AllowMissingTokenType), yes(f.AllowFormReply)
	p.RequireScopes, p.AllowTokenTypes, p.SendsIssuer = yes(f.RequireScopes), f.AllowTokenTypes, yes(f.SendsIssuer)
	if p.SendsIssuer && p.Issuer == "" {
		return d.Wrong("sends_issuer", "needs issuer, with which iss is compared")
	}
	for _, t := range p.AllowTokenTypes {
		if oauth.NeverBearer(t) {
			return d.Wrong("allow_token_types", "%q is never that of a bearer token: it is bound to a key, or no access token", printable.Value(t))
		}
	}
	for _, name := range sortedKeys(f.TokenRequestHeaders) {
		p.RequestHeaders = append(p.RequestHeaders, [2]string{name, f.TokenRequestHeaders[name]})
	}
	switch f.TokenCharset {
	case "":
	case "wide":
		p.WideToken = true
	default:
		return d.Wrong("token_charset", `can only be "wide" (0x21-0x7E)`)
	}
	return nil
}

// takeProbe checks that the probe's token goes only to an origin of the profile.
func (p *Profile) takeProbe(d *configfile.Document, f *File) error {
	if f.Probe == nil || f.Probe.Path == "" {
		return nil
	}
	if len(p.Origins) == 0 && p.file.Probe == nil {
		return nil // the preset's is for a profile whose token may go to the product
	}
	p.Probe = *f.Probe
	switch p.Probe.Method {
	case "":
		p.Probe.Method = "GET"
	case "GET", "HEAD":
	default:
		return d.Wrong("probe.method", `is "GET" or "HEAD": a probe changes nothing`)
	}
	if p.URL == "" {
		return d.Wrong("probe", "needs url, which its path is taken under")
	}
	u, r := origin.ParseURL(p.ProbeURL())
	if r == origin.Release && p.Probe.Path[0] != '/' {
		r = origin.Form
	}
	if r == origin.Release {
		_, r = origin.Best(p.Origins, u)
	}
	if r != origin.Release {
		return d.Wrong("probe", "lies outside the profile's origins: %s", r)
	}
	return nil
}

// ProbeURL returns the address of the probe; "" if there is none.
func (p *Profile) ProbeURL() string {
	if p.Probe.Path == "" {
		return ""
	}
	return p.URL + p.Probe.Path
}

// check lets package oauth check the complete profile.
func (p *Profile) check(d *configfile.Document) error {
	if err := p.Client().CheckSettings(); err != nil {
		return d.Wrong("", "%s", printable.Value(err.Error()))
	}
	return nil
}
