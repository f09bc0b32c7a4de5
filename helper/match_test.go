package helper_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/cache"
	homes "github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
)

// owners are profiles and what they own; "none" owns nothing (O1).
var owners = map[string]string{
	"orders": `"https://demo.thejakamo.com/api/order"`,
	"claims": `"https://demo.thejakamo.com/api/claim"`,
	"exact":  `"https://git.example.com"`,
	"wild":   `"https://*.example.com"`,
	"deep":   `"https://*.example.com/deep"`,
	"local":  `"http://127.0.0.1:8080"`,
	"idn":    `"https://bücher.example"`,
	"none":   ``,
}

func withOwners(t testing.TB) *home {
	h := newHome(t, oauthtest.Options{})
	if err := os.MkdirAll(h.dirs.Profiles(), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, origins := range owners {
		text := fmt.Sprintf("client_id = \"client\"\ntoken_url = %q\norigins = [%s]\n", h.server.TokenURL(), origins)
		if err := os.WriteFile(h.dirs.Profiles()+"/"+name+".toml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.store(name, "secret")
	}
	h.settle()
	return h
}

// matches are URLs and who owns them; otherwise the error's sentinel and part.
var matches = []struct {
	url, owner string
	kind       error
	part       string
}{
	{"https://demo.thejakamo.com/api/order/response", "orders", nil, ""},
	{"https://demo.thejakamo.com/api/claim", "claims", nil, ""},
	{"https://demo.thejakamo.com/api/orders", "", protocol.ErrNoProfile, "the path is not under"},
	{"https://demo.thejakamo.com/api/order/../claim", "", protocol.ErrNoProfile, "dot segment"},
	{"https://demo.thejakamo.com/", "", protocol.ErrNoProfile, "no profile owns https://demo.thejakamo.com"},
	{"https://git.example.com/a.git", "exact", nil, ""},
	{"https://www.example.com/", "wild", nil, ""},
	{"https://www.example.com/deep/er", "deep", nil, ""},
	{"https://git.example.com/deep/er", "exact", nil, ""},
	{"https://example.com/", "", protocol.ErrNoProfile, "its own parent"},
	{"https://a.b.example.com/", "", protocol.ErrNoProfile, "one label only"},
	{"https://git.example.com:8443/", "", protocol.ErrNoProfile, "the port is not"},
	{"http://git.example.com/", "", protocol.ErrPolicy, "plain http is refused"},
	{"http://127.0.0.1:8080/t", "local", nil, ""},
	{"http://127.0.0.1:8081/t", "", protocol.ErrNoProfile, "port"},
	{"https://xn--bcher-kva.example/", "idn", nil, ""},
	{"https://git.example.com.evil.test/", "", protocol.ErrNoProfile, "no profile owns https://git.example.com.evil.test"},
	{"https://evil.test/", "", protocol.ErrNoProfile, "no profile owns https://evil.test"},
}

// TestMatch (O1, O2, O8, O9, O12): the first time by reading every profile, the
// second by what the routes and sealed entries say, to the same effect.
func TestMatch(t *testing.T) {
	h := withOwners(t)
	for _, pass := range []string{"cold", "warm"} {
		for _, m := range matches {
			u := url(t, m.url)
			p, err := h.helper().Match(context.Background(), u, "")
			c, askErr := h.get(protocol.Request{URL: u})
			if m.kind != nil {
				wantError(t, err, m.kind, m.part)
				wantError(t, askErr, m.kind, m.part)
				continue
			}
			if err != nil || p.Name != m.owner || askErr != nil || c.Profile != m.owner {
				t.Errorf("%s: %s: %v %v, %s %v", pass, m.url, p, err, c.Profile, askErr)
			}
		}
	}
}

// TestFrontMatch: for every URL, asked in any order, the route and the entry lead
// the front to the same profile as Match, or to the engine.
func TestFrontMatch(t *testing.T) {
	h := withOwners(t)
	for range 2 {
		for _, m := range matches {
			_, _ = h.get(protocol.Request{URL: url(t, m.url)})
		}
	}
	store := h.front()
	defer store.Close()
	answered := 0
	for _, m := range matches {
		name := front(store, url(t, m.url))
		if name != "" && name != m.owner {
			t.Errorf("%s: the front finds %q; want %q", m.url, name, m.owner)
		}
		if name != "" {
			answered++
		}
	}
	if answered < 8 {
		t.Errorf("only %d URLs are the front's", answered)
	}
}

// front does what the front does.
func front(store *cache.Store, u origin.URL) string {
	exact, wildcard := origin.RouteKeys(u)
	r, err := store.Route(exact)
	if err != nil && wildcard != "" {
		r, err = store.Route(wildcard)
	}
	if err != nil {
		return ""
	}
	var origins []origin.Origin
	for _, c := range r.Claims {
		o, err := origin.Parse(c.Origin)
		if err != nil {
			return ""
		}
		origins = append(origins, o)
	}
	i, reason := origin.Best(origins, u)
	if reason != origin.Release {
		return ""
	}
	e, err := store.Get(cache.Whole(r.Claims[i].Profile), nil)
	if err != nil || !e.Current() {
		return ""
	}
	return e.Profile
}

// TestNamedProfileNarrows (O14): a profile that a request names must own the URL.
func TestNamedProfileNarrows(t *testing.T) {
	h := withOwners(t)
	c, err := h.get(protocol.Request{Profile: "wild", URL: url(t, "https://git.example.com/")})
	if err != nil || c.Profile != "wild" || c.Origin != "https://*.example.com" {
		t.Errorf("%+v: %v", c, err)
	}
	_, err = h.get(protocol.Request{Profile: "wild", URL: url(t, "https://evil.test/")})
	wantError(t, err, protocol.ErrNoProfile, "profile wild does not own https://evil.test")
	_, err = h.get(protocol.Request{Profile: "none", URL: url(t, "https://git.example.com/")})
	wantError(t, err, protocol.ErrNoProfile, "lists no origins")
	if c, err = h.get(protocol.Request{Profile: "none"}); err != nil || c.Origin != "" { // O1
		t.Errorf("by name: %+v: %v", c, err)
	}
	_, err = h.get(protocol.Request{})
	wantError(t, err, protocol.ErrMalformed)
}

// TestRefusalTouchesNothing (O15): no keyring, no network, no cache entry.
func TestRefusalTouchesNothing(t *testing.T) {
	h := withOwners(t)
	gets := h.keyring.gets
	for _, m := range matches {
		if m.kind != nil {
			_, _ = h.get(protocol.Request{URL: url(t, m.url)})
		}
	}
	if h.keyring.gets != gets || h.server.Connections() != 0 {
		t.Errorf("%d readings of the keyring, %d connections", h.keyring.gets-gets, h.server.Connections())
	}
}

// TestEqualClaims (O12): two profiles that claim one origin equally are an error
// that names both, also when one is escaped; only where they clash.
func TestEqualClaims(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	h.profile("one", strings.Replace(plain, "url       = \"{server}\"", `origins = ["https://api.example.com/a%2Db", "https://one.example.com"]`, 1))
	h.profile("two", strings.Replace(plain, "url       = \"{server}\"", `origins = ["https://API.example.com:443/a-b/"]`, 1))
	h.store("one", "secret")
	for range 2 {
		_, err := h.get(protocol.Request{URL: url(t, "https://api.example.com/a-b/c")})
		wantError(t, err, protocol.ErrAmbiguous, "profiles one and two both claim https://api.example.com/a-b", "credhelper edit two")
		h.mustGet(protocol.Request{URL: url(t, "https://one.example.com/")})
		h.mustGet(protocol.Request{Profile: "one"})
	}
}

// TestByName: a profile with by_name answers for no URL, neither from its file nor by a
// route from before, and keeps its secret and its token when that changes.
func TestByName(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	text := strings.Replace(plain, "url       = \"{server}\"", `origins = ["https://api.example.com"]`, 1)
	h.profile("one", text)
	h.profiles(20) // so that a route does not show an edit
	h.store("one", "secret")
	asked := protocol.Request{URL: url(t, "https://api.example.com/x")}
	want := h.mustGet(asked).Secret
	h.profile("one", "by_name = true\n"+text)
	for _, r := range []protocol.Request{{Profile: "one"}, {Profile: "one", URL: asked.URL}} {
		if c := h.mustGet(r); !c.Secret.Equal(want) {
			t.Error("its token was fetched again")
		}
		h.settle()
		_, err := h.get(asked)
		wantError(t, err, protocol.ErrNoProfile, "no profile owns https://api.example.com")
	}
	_, err := h.get(protocol.Request{Profile: "one", URL: url(t, "https://other.example.com/")})
	wantError(t, err, protocol.ErrNoProfile, "does not own")
	h.profile("two", text)
	h.store("two", "secret")
	if c := h.mustGet(asked); c.Profile != "two" {
		t.Errorf("%s answers", c.Profile)
	}
}

// TestUserNameChooses: of two profiles that claim one host equally, git's user name is
// that of one; it chooses nowhere else, and owns nothing (H5).
func TestUserNameChooses(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	at := func(user, host, id string) string {
		p := strings.Replace(plain, "url       = \"{server}\"", `origins = ["https://`+host+`"]`+"\nusername = \""+user+"\"", 1)
		return strings.Replace(p, `client_id = "client"`, `client_id = "`+id+`"`, 1)
	}
	h.profile("one", at("alice", "git.example.com", "client"))
	h.profile("two", at("bob", "git.example.com", "client"))
	h.profile("other", at("carol", "other.example.com", "client"))
	for _, name := range []string{"one", "two", "other"} {
		h.store(name, "secret")
	}
	here := url(t, "https://git.example.com/r.git")
	for range 2 { // from the server, then from the cache: no route may lead past the choice
		for user, want := range map[string]string{"alice": "one", "bob": "two"} {
			if c := h.mustGet(protocol.Request{URL: here, Username: user}); c.Profile != want {
				t.Errorf("%s got the token of %s", user, c.Profile)
			}
		}
	}
	for _, user := range []string{"", "carol", "client", "Alice"} {
		_, err := h.get(protocol.Request{URL: here, Username: user})
		wantError(t, err, protocol.ErrAmbiguous, "profiles one and two both claim https://git.example.com", "user name")
	}
	_, err := h.get(protocol.Request{URL: url(t, "https://nobody.example.com/"), Username: "alice"})
	wantError(t, err, protocol.ErrNoProfile, "no profile owns")
	if c := h.mustGet(protocol.Request{URL: url(t, "https://other.example.com/"), Username: "alice"}); c.Profile != "other" {
		t.Errorf("alice at carol's host got the token of %s", c.Profile)
	}
	all, _ := h.helper().Profiles()
	if problems, apart := homes.Ambiguous(all); len(problems) != 0 || len(apart) != 1 {
		t.Errorf("doctor: %v, %v", problems, apart)
	}
	h.profile("two", at("alice", "git.example.com", "client"))
	all, _ = h.helper().Profiles()
	if problems, apart := homes.Ambiguous(all); len(problems) != 1 || len(apart) != 0 {
		t.Errorf("doctor, of one name: %v, %v", problems, apart)
	}
}

// TestBrokenNeighbour: a profile that cannot be used only stands in the way of
// what it names.
func TestBrokenNeighbour(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.profile("broken", "client_id = 5\nurl = \"https://broken.example.com\"\n")
	h.mustGet(protocol.Request{URL: url(t, h.server.URL()+"/x")})
	_, err := h.get(protocol.Request{URL: url(t, "https://broken.example.com/x")})
	wantError(t, err, protocol.ErrPolicy, "broken.toml:1: client_id")
	_, err = h.get(protocol.Request{URL: url(t, "https://other.example.com/x")})
	wantError(t, err, protocol.ErrNoProfile, "profile broken cannot be used")
	all, problems := h.helper().Profiles()
	if len(all) != 1 || len(problems) != 1 {
		t.Errorf("%v %v", all, problems)
	}
}

// TestExplain says who owns a URL, who else is there, and why not.
func TestExplain(t *testing.T) {
	h := withOwners(t)
	x := h.helper().Explain(context.Background(), "https://demo.thejakamo.com/api/order/response?secret=1")
	if x.Owner != "orders" || x.Origin != "https://demo.thejakamo.com/api/order" || x.Err != nil || x.Token.Cached {
		t.Errorf("%+v", x)
	}
	if len(x.Also) != 1 || x.Also[0] != (homes.OtherClaim{Profile: "claims", Origin: "https://demo.thejakamo.com/api/claim",
		Reason: "the path is not under the one that the profile lists", Host: true}) {
		t.Errorf("also there: %+v", x.Also)
	}
	h.mustGet(protocol.Request{Profile: "exact"})
	x = h.helper().Explain(context.Background(), "https://git.example.com/")
	if x.Owner != "exact" || !x.Token.Cached || x.Token.Left <= 0 {
		t.Errorf("%+v", x)
	}
	for address, kind := range map[string]error{
		"https://evil.test/":           protocol.ErrNoProfile,
		"https://me@git.example.com/":  protocol.ErrPolicy,
		"git.example.com":              protocol.ErrPolicy,
		"http://git.example.com/":      protocol.ErrPolicy,
		"https://git.example.com/\x1b": protocol.ErrPolicy,
	} {
		x := h.helper().Explain(context.Background(), address)
		wantError(t, x.Err, kind)
		if x.Owner != "" {
			t.Errorf("%s: %+v", address, x)
		}
	}
}

// BenchmarkMatch is the choice of a profile by reading them all, among 1 and among
// 1,000; a route spares it from the second request on.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newHome(b, oauthtest.Options{})
			if err := os.MkdirAll(h.dirs.Profiles(), 0o700); err != nil {
				b.Fatal(err)
			}
			for i := range n {
				text := fmt.Sprintf("client_id = \"client\"\ntoken_url = \"https://login.example/token\"\nurl = \"https://h%d.example.com\"\n", i)
				if err := os.WriteFile(fmt.Sprintf("%s/p%d.toml", h.dirs.Profiles(), i), []byte(text), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			u := url(b, "https://h0.example.com/x")
			for b.Loop() {
				if _, err := h.helper().Match(context.Background(), u, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHit is an answer from the cache by the engine.
func BenchmarkHit(b *testing.B) {
	h := ready(b, oauthtest.Options{})
	h.mustGet(named)
	for b.Loop() {
		if _, err := h.helper().Get(context.Background(), named); err != nil {
			b.Fatal(err)
		}
	}
}
