package config

import (
	"slices"
	"strings"
	"testing"
)

// TestNamedHosts: a broken profile names the hosts of its origins and url, however it
// is broken, and no others.
func TestNamedHosts(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"a url", "url = \"https://API.example.com:8443/rest\"\n", "api.example.com"},
		{"a list", "origins = [\"https://a.example.com\", 'https://b.example.com/x']\n", "a.example.com b.example.com"},
		{"a list of many lines", "origins = [\n  \"https://a.example.com\",\n  \"https://b.example.com\",\n]\nclient_id = \"c.example.com\"\n", "a.example.com b.example.com"},
		{"a list without an end", "origins = [\"https://a.example.com\",\nclient_id = \"c.example.com\"\n", "a.example.com"},
		{"a string without an end", "url = \"https://a.example.com\nclient_id = \"c.example.com\"\n", "a.example.com"},
		{"no quotes", "url = https://a.example.com/x\n", "a.example.com"},
		{"as YAML has it", "url: https://a.example.com\n", "a.example.com"},
		{"a misspelt key", "origin = \"https://a.example.com\"\n", "a.example.com"},
		{"no scheme", "origins = [\"a.example.com\"]\n", "a.example.com"},
		{"a wildcard, and its parent", "origins = [\"https://*.example.com\"]\n", "*.example.com example.com"},
		{"IPv6", "origins = [\"http://[::1]:8080\"]\n", "::1"},
		{"IPv4", "origins = [\"http://127.0.0.1:8080\"]\n", "127.0.0.1"},
		{"another script", "url = \"https://bücher.example\"\n", "xn--bcher-kva.example"},
		{"a comment", "url = \"https://a.example.com\" # was b.example.com\n# url = \"https://c.example.com\"\n", "a.example.com"},
		{"no comment", "url = \"https://a.example.com/#b\", \"https://b.example.com\"\n", "a.example.com b.example.com"},
		{"other keys", "token_url = \"https://login.example.com\"\nnotes = \"a.example.com\"\n", ""},
		{"another table", "origins = [\"https://a.example.com\"]\n[params]\nx = \"b.example.com\"\n", "a.example.com"},
		{"nothing", "", ""},
	} {
		got := slices.DeleteFunc(NamedHosts(c.content), func(key string) bool { return !strings.ContainsAny(key, ".:") || key == "x" })
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
