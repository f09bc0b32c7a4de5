package helper_test

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// TestOrigins (O8, O13): what a profile may write and what it becomes; "" is
// refused.
func TestOrigins(t *testing.T) {
	a := newHome(t, oauthtest.Options{}).helper()
	for _, c := range [][2]string{
		{"https://git.example.com/a/b/", "https://git.example.com/a/b"},
		{"HTTPS://GIT.example.com:443", "https://git.example.com"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"https://[2001:DB8:0:0::1]:8443", "https://[2001:db8::1]:8443"},
		{"https://*.cdn.example.com", "https://*.cdn.example.com"},

		// The scheme is written out.
		{"*.cdn.example.com", ""},
		{"git.example.com", ""},
		{"bücher.example/a", ""},
		{"https://*.corp.internal", "https://*.corp.internal"},

		// O8: nobody else may register a name below the wildcard's parent.
		{"https://*.co.uk", ""},
		{"https://*.com", ""},
		{"https://*.github.io", ""},
		{"https://*.example.co.uk", "https://*.example.co.uk"},
		{"https://*.me.github.io", "https://*.me.github.io"},
		{"https://*.xn--p1ai", ""},
		{"https://*", ""},
		{"https://a.*.example.com", ""},
		{"https://*.127.0.0.1", ""},

		// O13: one canonical spelling, no mapping.
		{"https://bücher.example", "https://xn--bcher-kva.example"},
		{"https://*.bücher.example.com:8443/straße", ""},
		{"https://*.bücher.example.com:8443/a", "https://*.xn--bcher-kva.example.com:8443/a"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://XN--BCHER-KVA.example", ""},
		{"https://xn--a.example", ""},
		{"https://Bücher.example", ""},
		{"https://bu\u0308cher.example", ""},
		{"https://ｇｉｔ.example.com", ""},
		{"https://git。example。com", ""},
		{"https://git.exa\u00admple.com", ""},
		{"https://faß.example", "https://xn--fa-hia.example"},
		{"https://-bücher.example", ""},
		{"https://me@bücher.example", ""},
		{"https://bücher.example\\@evil.test", ""},
	} {
		p, err := a.Draft("demo", config.File{ClientID: "x", TokenURL: "https://login.example/token", Origins: &[]string{c[0]}})
		got := ""
		if err == nil {
			got = strings.Join(p.OriginTexts(), " ")
		}
		if got != c[1] {
			t.Errorf("%s: %q %v; want %q", c[0], got, err, c[1])
		}
	}
}
