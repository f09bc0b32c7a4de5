package main

import "testing"

// TestBothForms (O13): a person sees what the punycode stands for.
func TestBothForms(t *testing.T) {
	for address, want := range map[string]string{
		"https://xn--bcher-kva.example/a":        "https://xn--bcher-kva.example/a (bücher.example)",
		"https://*.xn--bcher-kva.example:8443/a": "https://*.xn--bcher-kva.example:8443/a (bücher.example)",
		"https://api.example.com":                "https://api.example.com",
	} {
		if got := bothForms(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
