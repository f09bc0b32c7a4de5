package main

import (
	"os"
	"strings"
	"testing"
)

// TestAddConverses: add without arguments lists the products, and asks for the product, what
// it needs, a name and the secret. Ctrl-D ends it, and nothing is stored.
func TestAddConverses(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	p := sit(t, home, "add")
	p.see("Which preset?")
	p.types("jam\n")
	p.see("There is no jam")
	p.types("jama\n")
	p.see("The address of your Jama")
	p.types("jama.example.com\n")
	p.see("An address begins with https://")
	p.types(server.URL() + "\n")
	p.see("The client id of the API credentials")
	p.types(" client \n")
	p.see("Name of the profile? [jama]")
	p.types("\n")
	p.see("not shown: ")
	p.typesHidden(typed + "\n")
	p.see(`Added profile "jama"`)
	p.endsWith(0)
	p = sit(t, home, "add", "other")
	p.see("Which preset?")
	p.types("\x04")
	if code := p.ends(); code != 2 || !strings.Contains(p.screen.String(), "nothing was stored") {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
	if _, err := os.Stat(home + "/config/profiles/other.toml"); err == nil {
		t.Error("half a profile is left")
	}
}

// TestAddReplacesUnverified: a profile that never got a token, as after a mistyped port, can
// be replaced by repeating the command. The question comes before that for a secret; if the
// token request fails, that is the last message (newcomer F6).
func TestAddReplacesUnverified(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	add := func(url string) *person {
		return sit(t, home, "add", "jama", "--preset", "jama", "--url", url, "--client-id", "client")
	}
	p := add("http://127.0.0.1:1")
	p.see("not shown: ")
	p.typesHidden(typed + "\n")
	p.see("Store the new secret without asking the server?")
	p.types("y\n")
	if code := p.ends(); code != 8 || strings.Contains(p.screen.String(), "Try:") || !strings.Contains(p.screen.String(), "not verified") {
		t.Fatalf("exit %d: %s", code, p.screen.String())
	}
	p = add(server.URL())
	p.see("never got a token. Replace it?")
	p.types("y\n")
	p.see("not shown: ")
	p.typesHidden(typed + "\n")
	p.see(`Added profile "jama"`)
	p.endsWith(0)
	p = add(server.URL())
	p.see("already exists")
	if code := p.ends(); code != 9 || !strings.Contains(p.screen.String(), "--replace") || strings.Contains(p.screen.String(), "not shown") {
		t.Errorf("exit %d: %s", code, p.screen.String())
	}
}
