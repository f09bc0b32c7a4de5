package helper_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// FuzzProfile: a profile's file, whatever is in it, is either refused with one
// clean line that has a meaning, or says the same when it is resolved, written
// down, and read again.
func FuzzProfile(f *testing.F) {
	for _, v := range badProfiles(f) {
		f.Add(v.profile)
	}
	for name, g := range given {
		text, err := os.ReadFile("testdata/golden/" + name + ".toml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		_ = g
	}
	f.Add(bound)
	h := newHome(f, oauthtest.Options{})
	a := h.helper()
	f.Fuzz(func(t *testing.T, text string) {
		path := h.dirs.Profiles() + "/demo.toml"
		if err := os.MkdirAll(h.dirs.Profiles(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := a.Profile("demo")
		if err != nil {
			if known := new(protocol.Error); !errors.As(err, &known) || known.Kind != protocol.ErrPolicy {
				t.Fatalf("%v means %d", err, protocol.ExitCode(err))
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("not one clean line: %q", err)
			}
			return
		}
		checkProfile(t, p)
		resolved, err := p.Resolved()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, resolved, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := a.Profile("demo")
		if err != nil {
			t.Fatalf("%v\n%s", err, resolved)
		}
		if !slices.Equal(again.Bounds(), p.Bounds()) {
			t.Fatalf("another binding:\n%v\n%v\n%s", p.Bounds(), again.Bounds(), resolved)
		}
	})
}

// checkProfile checks what must be true of every accepted profile.
func checkProfile(t *testing.T, p *config.Profile) {
	for _, o := range p.Origins {
		if again, err := origin.Parse(o.String()); err != nil || again != o {
			t.Errorf("origin %s: %v", o, err)
		}
	}
	if u := p.ProbeURL(); u != "" {
		parsed, reason := origin.ParseURL(u)
		if _, r := origin.Best(p.Origins, parsed); reason != origin.Release || r != origin.Release {
			t.Errorf("the probe %s lies outside: %v %v", u, reason, r)
		}
	}
	for _, s := range []string{p.TokenURL, p.HeaderText(), p.Username, p.ClientID} {
		if strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("%q could forge a line", s)
		}
	}
}
