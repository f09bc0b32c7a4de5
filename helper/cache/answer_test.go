package cache

import (
	"errors"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestAnswer: the one rule for a hit. A request is answered from the sealed entry, and
// each single doubt, of the request's or of the entry's, is a miss.
func TestAnswer(t *testing.T) {
	at := func(address string) origin.URL {
		u, reason := origin.ParseURL(address)
		if reason != origin.Release {
			t.Fatal(reason)
		}
		return u
	}
	now := ClockAt(time.Now())
	token := secret.New(canary)
	same := func(*Entry) {}
	asked := protocol.Request{Verb: protocol.Get, Profile: "jama"}
	with := func(change func(*protocol.Request)) protocol.Request {
		r := asked
		change(&r)
		return r
	}
	for _, c := range []struct {
		name    string
		request protocol.Request
		entry   func(*Entry)
		origin  string // of the answer; "" for a miss
	}{
		{"by name", asked, same, "https://api.example.com"},
		{"by URL", protocol.Request{URL: at("https://x.cdn.example.com/a")}, same, "https://*.cdn.example.com"},
		{"by both", with(func(r *protocol.Request) { r.URL = at("https://api.example.com/a") }), same, "https://api.example.com"},
		{"another token was refused", with(func(r *protocol.Request) { r.Refused.Token = secret.New("another") }), same, "https://api.example.com"},
		{"another process asked", with(func(r *protocol.Request) { r.Asker, r.Repeats = "2", true }), func(e *Entry) { e.Issued -= 120 }, "https://api.example.com"},
		{"young when asked again", with(func(r *protocol.Request) { r.Asker, r.Repeats = "1", true }), same, "https://api.example.com"},
		{"asked again, for another reason", with(func(r *protocol.Request) { r.Asker = "1" }), func(e *Entry) { e.Issued -= 120 }, "https://api.example.com"},
		{"a use that is logged", asked, func(e *Entry) { e.Audit, e.Fingerprint = true, "0123abcd" }, "https://api.example.com"},

		{"another profile", protocol.Request{Profile: "other"}, same, ""},
		{"nobody", protocol.Request{}, same, ""},
		{"a URL of nobody's", protocol.Request{URL: at("https://evil.example/")}, same, ""},
		{"another's URL", with(func(r *protocol.Request) { r.URL = at("https://evil.example/") }), same, ""},
		{"refresh", with(func(r *protocol.Request) { r.Refresh = true }), same, ""},
		{"refused", with(func(r *protocol.Request) { r.Refused.Token = token }), same, ""},
		{"refused by its mark", with(func(r *protocol.Request) { r.Refused.Mark = protocol.Mark(token) }), same, ""},
		{"the current one refused", with(func(r *protocol.Request) { r.Refused.Current = true }), same, ""},
		{"asked again", with(func(r *protocol.Request) { r.Asker, r.Repeats = "1", true }), func(e *Entry) { e.Issued -= 120 }, ""},
		{"more life wanted", with(func(r *protocol.Request) { r.MinTTL = 7200 }), same, ""},
		{"within its refresh margin", asked, func(e *Entry) { e.Refresh = now.Unix - 1 }, ""},
		{"a use that cannot be logged", asked, func(e *Entry) { e.Audit, e.Fingerprint = true, "no room" }, ""},
		{"a use that has to be logged, and cannot be", asked, func(e *Entry) { e.Audit, e.Required, e.Fingerprint = true, true, "no room" }, ""},
		{"an API refuses it", asked, func(e *Entry) { e.Rejected = true }, ""},
		{"a file behind it changed", asked, func(e *Entry) { e.Stamps[0].Size++ }, ""},
		{"no stamps", asked, func(e *Entry) { e.Stamps = nil }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := store(t, home(t))
			e := entry("jama")
			e.Stamps = []Stamp{stampOf(t.TempDir())}
			c.entry(e)
			now := ClockAt(time.Now()) // the cases before may have taken long
			put(t, s, e)
			if err := s.PutAsked("jama", "1", protocol.Mark(e.Token), e.Expires); err != nil {
				t.Fatal(err)
			}
			for _, host := range []string{"api.example.com", "*.cdn.example.com"} {
				route := &Route{Stamps: []Stamp{stampOf(t.TempDir())}, Complete: true}
				for _, o := range e.Origins {
					route.Claims = append(route.Claims, Claim{o, "jama"})
				}
				if err := s.PutRoute(host, route); err != nil {
					t.Fatal(err)
				}
			}
			logged := ""
			full := errors.New("no room")
			got, ok, err := s.Answer(c.request, func(string) string { return "" }, now, func(e *Entry) error {
				if logged = e.Fingerprint; logged == "no room" {
					return full
				}
				return nil
			})
			if want := e.Required && e.Fingerprint == "no room"; (err == full) != want || (err != nil) != want {
				t.Errorf("error %v, want one: %v", err, want)
			}
			if logged != e.Fingerprint {
				t.Errorf("logged %q, want %q", logged, e.Fingerprint)
			}
			if ok != (c.origin != "") || got.Origin != c.origin || ok && !got.Secret.Equal(token) {
				t.Errorf("%v, origin %q, want %q", ok, got.Origin, c.origin)
			}
		})
	}
}

// TestParsedOrigins: an entry that was readied for many URLs says the same of each.
func TestParsedOrigins(t *testing.T) {
	plain, parsed := entry("jama"), entry("jama")
	if !parsed.ParseOrigins() {
		t.Fatal("not parsed")
	}
	for _, address := range []string{"https://api.example.com/", "https://x.cdn.example.com/", "https://cdn.example.com/", "https://evil.example/"} {
		u, _ := origin.ParseURL(address)
		if a, b := plain.Claim(u), parsed.Claim(u); a != b {
			t.Errorf("%s: %d, and parsed %d", address, a, b)
		}
	}
	if (&Entry{Origins: []string{"not an origin"}}).ParseOrigins() {
		t.Error("an origin that cannot be read")
	}
}
