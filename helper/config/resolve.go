package config

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Resolver resolves profiles from the texts of their files. It reads each preset once.
type Resolver struct {
	Settings Settings
	Preset   func(name string) (*Preset, error) // returns a preset by name
	// Sources receives the sources that each profile names on this machine, including
	// an invalid profile that is about to be edited; may be nil.
	Sources func([]Source)

	mu      sync.Mutex // for several goroutines that use one
	presets map[string]*Preset
}

func (r *Resolver) preset(name string) (*Preset, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, known := r.presets[name]; known {
		return p, nil
	}
	p, err := r.Preset(name)
	if err == nil {
		if r.presets == nil {
			r.presets = map[string]*Preset{}
		}
		r.presets[name] = p
	}
	return p, err
}

func (r *Resolver) note(sources []Source) {
	if r.Sources != nil {
		r.Sources(sources)
	}
}

// Profile resolves a profile: its file, then its preset, then the settings. place is
// the path for messages.
func (r *Resolver) Profile(name, place string, content []byte) (*Profile, error) {
	p, err := r.profile(name, place, content, configfile.Parse)
	if wrong := new(protocol.Error); errors.As(err, &wrong) && wrong.Hint == "" {
		wrong.Hint = "correct it: credhelper edit " + name
	}
	return p, err
}

// profile is Profile with one of the functions that parse a document.
func (r *Resolver) profile(name, place string, content []byte, parse func(string, []byte, any) (*configfile.Document, error)) (*Profile, error) {
	p := &Profile{Name: name, text: content}
	d, err := parse(place, content, &p.file)
	r.note(p.file.sources())
	if err != nil {
		return nil, err
	}
	if err := checkTexts(d, reflect.ValueOf(&p.file), ""); err != nil {
		return nil, err
	}
	whole := p.file
	if whole.Preset != "" {
		if p.preset, err = r.preset(whole.Preset); err != nil {
			return nil, d.Caused("preset", err)
		}
		if err := p.preset.complete(&whole, d); err != nil {
			return nil, err
		}
		p.Preset, p.PresetFile, p.Title, p.DoorError = p.preset.Name, p.preset.Path, p.preset.Title, p.preset.DoorError
	}
	r.Settings.complete(&whole)
	p.Sources = whole.sources()
	r.note(p.Sources)
	for _, step := range [...]func(*configfile.Document, *File) error{
		p.takeAddresses, p.takeClient, p.takeAssertion, p.takeSignIn, p.takeSecret, p.takeHeader, p.takeRefreshOn, p.takeLimit, p.takeLives, p.takeToken, p.takeConnection, p.takeTLS, p.takeAnswers, p.takeProbe,
	} {
		if err := step(d, &whole); err != nil {
			return nil, err
		}
	}
	if err := p.takePool(d, &whole, &r.Settings); err != nil {
		return nil, err
	}
	return p, p.check(d)
}

// checkTexts refuses control characters and invalid UTF-8 in every string.
func checkTexts(d *configfile.Document, v reflect.Value, key string) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return checkTexts(d, v.Elem(), key)
		}
	case reflect.String:
		for _, c := range v.String() {
			if unicode.IsControl(c) && !(key == "notes" && c == '\n') || c == unicode.ReplacementChar {
				return d.Wrong(key, "holds a control character")
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkTexts(d, v.Index(i), key); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if err := checkTexts(d, v.MapIndex(k), key+"."+k.String()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i, tag := range configfile.Tags(v.Type()) {
			if !tag.Exported || v.Field(i).IsZero() {
				continue // of a date, or not there
			}
			if err := checkTexts(d, v.Field(i), strings.TrimPrefix(key+"."+tag.Key, ".")); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete fills in the missing values of a file from the preset.
func (preset *Preset) complete(f *File, d *configfile.Document) error {
	for _, n := range preset.Needs {
		if f.Lacks(n.Key) {
			return d.Wrong("", "preset %s needs %s: %s", preset.Name, n.Key, n.Ask)
		}
	}
	if strings.Trim(f.Tenant, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" || strings.HasPrefix(f.Tenant, ".") {
		return d.Wrong("tenant", "is a GUID or a domain name")
	}
	under := &preset.Profile
	tenant, cloud := cmp.Or(f.Tenant, under.Tenant), cmp.Or(f.Cloud, under.Cloud)
	host, known := preset.Clouds[cloud]
	if cloud != "" && !known {
		return d.Wrong("cloud", "%q is none of %s", printable.Value(cloud), strings.Join(sortedKeys(preset.Clouds), ", "))
	}
	base := cmp.Or(f.URL, strings.ReplaceAll(under.URL, "{tenant}", tenant))
	if base != "" && base != "{url}" {
		canonical, problem := parseBase(base)
		if problem != "" {
			return d.Wrong("url", "%s", problem)
		}
		if before, inside := preset.before(canonical); inside {
			return d.Wrong("url", "the address of %s is what comes before %s: %s", preset.Title, preset.Before, printable.Value(before))
		}
		base = canonical
	}
	if preset.plain {
		f.fill(under)
		return nil
	}
	own := *under
	fillIn := strings.NewReplacer("{url}", base, "{tenant}", tenant, "{cloud}", host, "{issuer}", strings.TrimSuffix(f.Issuer, "/"))
	replaceTexts(reflect.ValueOf(&own).Elem(), fillIn)
	f.fill(&own)
	return nil
}

// before returns the part of an address before the product's API; false if the address
// does not contain the API, which is normal.
func (preset *Preset) before(base string) (string, bool) {
	scheme, rest, _ := strings.Cut(base, "://")
	host, path, _ := strings.Cut(rest, "/")
	start, _, inside := strings.Cut("/"+path+"/", preset.Before+"/")
	return scheme + "://" + host + strings.TrimSuffix(start, "/"), inside && preset.Before != ""
}

// replaceTexts replaces a preset's placeholders, in a copy, because a preset is used by
// many profiles.
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
		if a, ok := v.Interface().(*assertionFile); ok && a != nil {
			own := *a
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
