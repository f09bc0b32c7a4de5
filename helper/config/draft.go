package config

import (
	"bytes"
	"time"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Draft makes a profile from a person's input, without writing it. It includes the
// preset's values, so that an upgrade with a changed preset cannot redirect a secret.
// Missing values are an error that lists them; Preset.Needs does so beforehand.
func (r *Resolver) Draft(name string, f File) (*Profile, error) {
	if !protocol.ValidProfile(name) {
		return nil, protocol.Malformed("not a profile name: " + printable.Value(name) + ": a name is 1 to 64 lower-case letters, digits, '-', '_', '.'")
	}
	content, err := f.encode()
	if err != nil {
		return nil, protocol.About("profile "+name, err, "")
	}
	p, err := r.profile(name, "profile "+name, content, configfile.ParseOwn)
	if err != nil {
		return nil, err
	}
	f.settle(p)
	if content, err = f.encode(); err != nil {
		return nil, protocol.About("profile "+name, err, "")
	}
	content = append([]byte("# profiles/"+name+".toml -- no secrets here\n"), content...)
	return r.profile(name, "profile "+name, content, configfile.ParseOwn)
}

// settle writes the values that the secret is bound to into the file.
func (f *File) settle(p *Profile) {
	f.URL = p.URL
	origins := p.OriginTexts()
	f.Origins = &origins
	f.TokenURL, f.AuthorizationURL, f.DeviceURL = p.TokenURL, p.AuthorizationURL, p.DeviceURL
	f.RevocationURL, f.IntrospectionURL, f.Issuer = p.RevocationURL, p.IntrospectionURL, p.Issuer
	auth, _ := oauth.FindClientAuth(p.ClientAuth)
	f.Grant, f.ClientAuth, f.Scopes, f.Audience = p.Grant, auth.Name, p.Scopes, p.Audience
	f.Redirect = p.Redirect
	if p.file.Assertion != nil || p.preset != nil && p.preset.Profile.Assertion != nil {
		f.Assertion = p.settledAssertion()
	}
	if p.RawBasic {
		f.BasicEncoding = "raw"
	}
	if len(p.Resource) > 0 {
		f.Resource = p.Resource
	}
	if p.Header != "" || p.Scheme != "Bearer" {
		f.Header = p.HeaderText()
	}
	if len(p.Params) > 0 {
		f.Params = map[string]any{}
		for _, v := range p.Params {
			f.Params[v[0]] = append(f.paramList(v[0]), v[1])
		}
	}
	if p.Probe.Path != "" {
		f.Probe = &p.Probe
	}
}

func (f *File) paramList(name string) []string {
	list, _ := f.Params[name].([]string)
	return list
}

// Text returns the profile's file as written.
func (p *Profile) Text() []byte { return bytes.Clone(p.text) }

// Resolved returns the profile with the values of the preset and the defaults, as TOML.
func (p *Profile) Resolved() ([]byte, error) {
	f := p.settled()
	f.Secret, f.Username, f.CAFile, f.Proxy, f.Notes = p.Secret, p.Username, p.CAFile, p.Proxy, p.Notes
	if p.InKeyring() {
		f.Secret = inKeyring
	}
	f.Header = p.HeaderText()
	for _, t := range [...]struct {
		d    time.Duration
		into *any
	}{{p.MinTTL, &f.MinTTL}, {p.DefaultTTL, &f.DefaultTTL}, {p.MaxTTL, &f.MaxTTL}} {
		if t.d > 0 {
			*t.into = int64(t.d / time.Second)
		}
	}
	return configfile.Marshal(&f)
}

// settled returns the profile's file with the values that its secret is bound to.
func (p *Profile) settled() File {
	f := p.file
	f.settle(p)
	return f
}
