package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEditedSources: another key, certificate, assertion or subject is another token,
// and a profile that names none has the binding that it always had.
func TestEditedSources(t *testing.T) {
	seen := map[[32]byte]int{}
	for i, p := range []Profile{
		{},
		{From: []string{"file", "/a"}}, {From: []string{"file", "/b"}}, {From: []string{"env", "A"}},
		{Key: []string{"file", "/a"}}, {Key: []string{"file", "/b"}},
		{Cert: "/a"}, {Cert: "/b"},
		{Subject: []string{"file", "/a"}}, {Subject: []string{"file", "/b"}},
	} {
		b := p.TokenBinding()
		if earlier, is := seen[b]; is {
			t.Errorf("profiles %d and %d share tokens", earlier, i)
		}
		seen[b] = i
	}
}

// TestBindingPage (T14): the tables in docs/profiles.md say of every key whether the
// secret is bound to it, whether only the token is, or neither.
func TestBindingPage(t *testing.T) {
	keysOf := map[string][]string{ // of bounds that are named otherwise, or have several keys
		"profile":     nil,
		"client_auth": {"client_auth", "basic_encoding"},
		"probe":       {"probe.path", "probe.method"},
		"assertion":   {"assertion.aud", "assertion.iss", "assertion.sub", "assertion.claims"},
		"exchange":    {"subject_token", "subject_token_type", "requested_token_type"},
		"wide":        {"token_charset"},
	}
	want := map[string]string{}
	bind := func(names []string, mark string) {
		for _, name := range names {
			keys, special := keysOf[name]
			if !special {
				keys = []string{name}
			}
			for _, key := range keys {
				want[key] = mark
			}
		}
	}
	var bound, token []string
	for _, b := range new(Profile).Bounds() {
		bound = append(bound, b.Name)
	}
	for _, b := range new(Profile).tokenBounds() {
		token = append(token, b.Name)
	}
	for _, m := range laterMembers {
		switch m.binds {
		case bindsSecret:
			bound = append(bound, m.key)
		case bindsToken:
			token = append(token, m.key)
		}
	}
	bind(bound, "*bound*")
	bind(token, "*token*")

	page, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(page), "\n## Settings for all profiles")
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|[^|]+\\|([^|]+)\\|").FindAllStringSubmatch(text, -1) {
		marks := regexp.MustCompile(`\*(bound|token)\*`).FindAllString(m[2], -1)
		if key := want[m[1]]; key == "" && marks != nil || key != "" && !slices.Equal(marks, []string{key}) {
			t.Errorf("%s is marked %v, want %q", m[1], marks, key)
		}
		delete(want, m[1])
	}
	for key := range want {
		t.Errorf("the page has no %s", key)
	}
}
