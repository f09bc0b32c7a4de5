package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// A secret is stored with what it may be used for, and is not given to a profile that
// has changed in this respect: whoever can change the file cannot send the secret
// elsewhere (T14). The binding is this list, in this order. A test compares its digest
// with a golden value, because a change would lock every user out of every secret until
// "credhelper rebind".

// Bound is one member of a binding.
type Bound struct {
	Name  string `json:"name"`
	Value string `json:"value"` // lists are joined by spaces
}

// Bounds returns what the profile's secret is bound to.
func (p *Profile) Bounds() []Bound {
	params := make([]string, len(p.Params))
	for i, v := range p.Params {
		params[i] = url.QueryEscape(v[0]) + "=" + url.QueryEscape(v[1])
	}
	auth := p.ClientAuth
	if row, known := oauth.FindClientAuth(auth); known {
		auth = row.BoundName()
	}
	if p.RawBasic {
		auth += " raw"
	}
	ca := ""
	if p.CA != nil {
		sum := sha256.Sum256(p.CA)
		ca = "sha256:" + hex.EncodeToString(sum[:])
	}
	probe := ""
	if p.Probe.Path != "" {
		probe = p.Probe.Method + " " + p.Probe.Path
	}
	list := []Bound{
		{"profile", p.Name},
		{"origins", strings.Join(p.OriginTexts(), " ")},
		{"token_url", p.TokenURL},
		{"authorization_url", p.AuthorizationURL},
		{"device_url", p.DeviceURL},
		{"revocation_url", p.RevocationURL},
		{"introspection_url", p.IntrospectionURL},
		{"issuer", p.Issuer},
		{"client_id", p.ClientID},
		{"grant", p.Grant},
		{"client_auth", auth},
		{"params", strings.Join(params, " ")},
		{"ca_file", ca},
		{"proxy", p.Proxy},
		{"header", p.HeaderText()},
		{"probe", probe},
	}
	return append(list, p.laterBounds(bindsSecret)...)
}

// reach says what depends on a key of the profile.
type reach uint8

const (
	bindsNothing reach = iota // nothing: how a response is read, or a time limit
	bindsToken                // the token, of the same secret
	bindsSecret               // where the secret goes, or what is sent with it, and so the token
)

// laterMembers are the keys that were added after the first binding, one row each. They
// are hashed only if they are set, so that existing bindings do not change.
var laterMembers = [...]struct {
	key   string
	binds reach
	value func(*Profile) string // "" if it is not set; nil for bindsNothing
}{
	{"assertion", bindsSecret, (*Profile).assertionBound},
	{"redirect", bindsSecret, func(p *Profile) string { return p.Redirect }},
	{"token_request_headers", bindsSecret, (*Profile).headersBound},
	{"sends_issuer", bindsSecret, func(p *Profile) string {
		if p.SendsIssuer {
			return "true"
		}
		return ""
	}},
	{"exchange", bindsToken, (*Profile).exchangeBound},
	{"client_cert", bindsToken, func(p *Profile) string { return strings.Join(p.ClientCert, "\x00") }},
	{"secret_environment", bindsToken, func(p *Profile) string { return strings.Join(p.SecretEnvironment, " ") }}, // another one may be another secret
	{"assertion.key", bindsToken, func(p *Profile) string { return strings.Join(p.Key, "\x00") }},
	{"assertion.cert", bindsToken, func(p *Profile) string { return p.Cert }},
	{"assertion.from", bindsToken, func(p *Profile) string { return strings.Join(p.From, "\x00") }},
	{"token", bindsToken, func(p *Profile) string { return strings.Join(p.Token, "\x00") }},
	{"pool", bindsToken, func(p *Profile) string { return p.Pool.Name }},
	{"allow_token_types", bindsNothing, nil},
	{"limit", bindsNothing, nil},
	{"timeout", bindsNothing, nil},
	{"by_name", bindsNothing, nil},   // it takes claims away and gives none
	{"audiences", bindsNothing, nil}, // the one that a request is narrowed to is that token's audience
}

func (p *Profile) laterBounds(binds reach) (list []Bound) {
	for _, m := range laterMembers {
		if m.binds != binds {
			continue
		}
		if v := m.value(p); v != "" {
			list = append(list, Bound{m.key, v})
		}
	}
	return list
}

func (p *Profile) exchangeBound() string {
	exchange := p.Exchange.SubjectType + " " + p.Exchange.Requested + " " + strings.Join(p.Subject, "\x00")
	if exchange == "  " {
		return ""
	}
	return exchange
}

func (p *Profile) headersBound() string {
	lines := make([]string, len(p.RequestHeaders))
	for i, h := range p.RequestHeaders {
		lines[i] = h[0] + ": " + h[1]
	}
	return strings.Join(lines, "\n")
}

// TokenBinding returns the digest in sealed tokens and marks: the secret's binding, and
// everything else that leads to another token of the same secret.
func (p *Profile) TokenBinding() [32]byte {
	return digest("credhelper token 1", append(p.Bounds(), p.tokenBounds()...))
}

func (p *Profile) tokenBounds() []Bound {
	list := []Bound{
		{"scopes", strings.Join(p.Scopes, " ")},
		{"audience", p.Audience},
		{"resource", strings.Join(p.Resource, " ")},
		{"secret", strings.Join(p.Secret, "\x00")},
		{"default_ttl", strconv.FormatInt(int64(p.DefaultTTL), 10)},
		{"max_ttl", strconv.FormatInt(int64(p.MaxTTL), 10)},
		{"wide", strconv.FormatBool(p.WideToken)},
	}
	return append(list, p.laterBounds(bindsToken)...)
}

// digest hashes each name and value with its length before it, so that different lists
// do not collide.
func digest(domain string, list []Bound) [32]byte {
	b := appendField(nil, domain)
	for _, f := range list {
		b = appendField(appendField(b, f.Name), f.Value)
	}
	return sha256.Sum256(b)
}

func appendField(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
}

// Change is a difference between a secret's binding and its profile.
type Change struct {
	Name   string
	Stored string // the value when the secret was stored
	Now    string // the profile's value
}

// Changes compares the binding of a secret with the profile. If they differ, refusal is
// the error for using the secret.
func (p *Profile) Changes(stored []Bound) (list []Change, refusal error) {
	now := map[string]string{}
	for _, b := range p.Bounds() {
		now[b.Name] = b.Value
	}
	for _, b := range stored {
		if v := now[b.Name]; v != b.Value {
			list = append(list, Change{b.Name, b.Value, v})
		}
		delete(now, b.Name)
	}
	for _, b := range p.Bounds() { // keys that the stored binding does not have
		if v := now[b.Name]; v != "" {
			list = append(list, Change{b.Name, "", v})
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, p.unbound(list)
}

// unbound returns the error for using a secret for anything that it is not bound to.
func (p *Profile) unbound(list []Change) error {
	c := list[0]
	more := ""
	if len(list) > 1 {
		more = " (and " + strconv.Itoa(len(list)-1) + " more)"
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: printable.Line("profile " + p.Name + ": its secret was stored for " + c.Name + " " + shown(c.Stored) + ", the profile says " + shown(c.Now) + more),
		Hint: "if you made this change: credhelper rebind " + p.Name}
}

func shown(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return printable.Value(s)
}
