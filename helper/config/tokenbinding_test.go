package config

import "testing"

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
