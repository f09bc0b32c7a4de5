package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/cmd/internal/inner"
)

// TestHosts (D3): the door answers to the address at which it listens and to the names of
// the call, with its port, or with one that is mapped to it.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		at    string
		tls   bool
		names []string
		want  string // "" for an error
	}{
		{"127.0.0.1:7717", false, nil, "127.0.0.1:7717 localhost:7717"},
		{"[::1]:7717", false, nil, "[::1]:7717 localhost:7717"},
		{"127.0.0.1:80", false, nil, "127.0.0.1:80 127.0.0.1 localhost:80 localhost"},
		{"127.0.0.1:443", false, nil, "127.0.0.1:443 localhost:443"},
		{"192.0.2.7:7717", true, []string{"Door.example.com"}, "192.0.2.7:7717 door.example.com:7717"},
		{"192.0.2.7:443", true, []string{"door.example.com"}, "192.0.2.7:443 192.0.2.7 door.example.com:443 door.example.com"},
		{"[2001:db8::7]:443", true, nil, "[2001:db8::7]:443 [2001:db8::7]"},
		{"0.0.0.0:7717", true, []string{"door.example.com:443", "192.0.2.7"}, "door.example.com:443 door.example.com 192.0.2.7:7717"},
		{"[::]:7717", true, []string{"[2001:db8::7]:8443", "2001:DB8:0::8"}, "[2001:db8::7]:8443 [2001:db8::8]:7717"},
		{"127.0.0.1:7717", true, []string{"*.example.com"}, ""},
		{"127.0.0.1:7717", true, []string{"door.example.com:0"}, ""},
		{"127.0.0.1:7717", true, []string{"door.example.com:70000"}, ""},
		{"127.0.0.1:7717", true, []string{"door.example.com:https"}, ""},
		{"127.0.0.1:7717", true, []string{""}, ""},
		{"127.0.0.1:7717", true, []string{"door.example.com/x"}, ""},
	} {
		h, err := hostsOf(netip.MustParseAddrPort(c.at), inner.ProxyCall{Names: c.names, TLS: c.tls})
		if (err != nil) != (c.want == "") || err == nil && !slices.Equal(h.list, strings.Fields(c.want)) {
			t.Errorf("%s %v: %v, %v; want %s", c.at, c.names, h.list, err, c.want)
		}
	}
}

// TestMayListen (D11): beyond this machine only with TLS, and at every address only with
// a name.
func TestMayListen(t *testing.T) {
	for at, want := range map[string]string{ // what is needed: nothing, tls, tls and a name
		"127.0.0.1": "", "127.9.9.9": "", "::1": "", "::ffff:127.0.0.1": "",
		"192.0.2.7": "tls", "10.0.0.1": "tls", "fe80::1": "tls", "2001:db8::7": "tls", "::ffff:192.0.2.7": "tls",
		"0.0.0.0": "tls name", "::": "tls name", "::ffff:0.0.0.0": "tls name",
	} {
		for given, call := range map[string]inner.ProxyCall{"": {}, "tls": {TLS: true}, "name": {Names: []string{"door.example.com"}}, "tls name": {TLS: true, Names: []string{"door.example.com"}}} {
			good := true
			for need := range strings.FieldsSeq(want) {
				good = good && strings.Contains(given, need)
			}
			if err := mayListen(netip.MustParseAddr(at), call); (err == nil) != good {
				t.Errorf("%s with %q: %v", at, given, err)
			}
		}
	}
}
