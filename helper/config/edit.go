package config

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Draft makes a profile of what a person gave, without writing it. What the
// preset resolves to is written down in it, so that an upgrade, which may bring
// another preset, moves no secret. Missing members are an error that asks for
// them; Preset.Needs tells them beforehand.
func (h *Home) Draft(name string, f File) (*Profile, error) {
	if !protocol.ValidProfile(name) {
		return nil, malformed("no profile can be called " + printable.Value(name) + ": a name is 1 to 64 lower-case letters, digits, '-', '_', '.'")
	}
	r, err := h.resolver()
	if err != nil {
		return nil, err
	}
	content, err := f.encode()
	if err != nil {
		return nil, about(name, err)
	}
	p, err := r.profile(name, "profile "+name, content)
	if err != nil {
		return nil, err
	}
	f.settle(p)
	if content, err = f.encode(); err != nil {
		return nil, about(name, err)
	}
	content = append([]byte("# profiles/"+name+suffix+" -- no secrets here\n"), content...)
	return r.profile(name, "profile "+name, content)
}

// settle writes what the secret is bound to into the file, as it was resolved.
func (f *File) settle(p *Profile) {
	f.URL = p.URL
	origins := p.OriginTexts()
	f.Origins = &origins
	f.TokenURL, f.AuthorizationURL, f.DeviceURL = p.TokenURL, p.AuthorizationURL, p.DeviceURL
	f.RevocationURL, f.IntrospectionURL, f.Issuer = p.RevocationURL, p.IntrospectionURL, p.Issuer
	f.Grant, f.ClientAuth, f.Scopes, f.Audience = p.Grant, p.ClientAuth, p.Scopes, p.Audience
	f.Redirect = p.Redirect
	if p.file.Assertion != nil || p.preset != nil && p.preset.Profile.Assertion != nil {
		f.Assertion = p.assertionFile()
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

// Text is the profile as its file says it.
func (p *Profile) Text() []byte { return bytes.Clone(p.text) }

// Resolved is the profile with the preset's and all default members, as TOML.
func (p *Profile) Resolved() ([]byte, error) {
	f := p.file
	f.settle(p)
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
	return toml.Marshal(&f)
}

// Warnings says what is legal in a profile and seldom meant.
func (p *Profile) Warnings() (list []string) {
	if len(p.Origins) == 0 {
		list = append(list, "it owns no origin: its token is given by name only, never for a URL (set url or origins)")
	}
	return list
}

func (h *Home) pathOf(name string) string {
	return filepath.Join(h.Dirs.Profiles(), name+suffix)
}

// CheckNew reports whether a profile of that name may be added: there is none yet,
// and no other claims one of its origins with equal right.
func (h *Home) CheckNew(p *Profile) error {
	names, err := h.ProfileNames()
	if err != nil {
		return err
	}
	if slices.Contains(names, p.Name) {
		e := &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + p.Name + " is there already",
			Hint: "change it: credhelper edit " + p.Name + "; store another secret: credhelper rotate " + p.Name}
		if _, _, err := h.ProfileText(p.Name); err != nil {
			e.Text += ", and cannot be used: " + err.Error()
			e.Hint = "remove it first: credhelper remove " + p.Name
		}
		return e
	}
	return h.checkClaims(p)
}

// checkClaims refuses a profile that claims what another one claims (O12).
func (h *Home) checkClaims(p *Profile) error {
	all, _ := h.Profiles()
	for _, other := range all {
		if o, both := shared(p, other); both {
			return &protocol.Error{Kind: protocol.ErrAmbiguous,
				Text: "profiles " + p.Name + " and " + other.Name + " both claim " + o,
				Hint: "give each a part of its own, such as --set origins=" + o + "/PATH; to change the other: credhelper edit " + other.Name}
		}
	}
	return nil
}

// WriteProfile writes a draft as a new profile.
func (h *Home) WriteProfile(p *Profile) error {
	if err := h.writeOwn(h.pathOf(p.Name), p.text); err != nil {
		return about(p.Name, err)
	}
	return nil
}

// EditProfile puts new text in the place of a profile's, if it is one. Whoever
// edits the system's gets a copy of their own.
func (h *Home) EditProfile(name string, text []byte) (*Profile, error) {
	r, err := h.resolver()
	if err != nil {
		return nil, err
	}
	path := h.pathOf(name)
	p, err := r.profile(name, path, text)
	if err != nil {
		return nil, err
	}
	if err := h.checkClaims(p); err != nil {
		return nil, err
	}
	return p, h.writeOwn(path, text)
}

// ProfileText reads a profile's file, valid or not, and says where it lies.
func (h *Home) ProfileText(name string) (text []byte, path string, err error) {
	if !protocol.ValidProfile(name) {
		return nil, "", h.unknownProfile(printable.Value(name))
	}
	for _, dir := range h.profileDirs() {
		path = filepath.Join(dir, name+suffix)
		text, err = ReadProvided(path, maxConfig)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, path, err
		}
	}
	return nil, "", h.unknownProfile(name)
}

// Removable is nil if the profile's file is the user's own; one of the system's can
// only be removed there.
func (h *Home) Removable(name string) error {
	_, path, err := h.ProfileText(name)
	if path == "" {
		return err
	}
	if path != h.pathOf(name) {
		return policy(path + " is the system's; remove it there")
	}
	return nil
}

// DeleteProfile deletes the profile's file.
func (h *Home) DeleteProfile(name string) error {
	return removeOwn(h.pathOf(name))
}
