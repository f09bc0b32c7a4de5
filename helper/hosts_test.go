package helper_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// second is a further profile's file, on a host of its own.
const second = "client_id = \"x\"\norigins = [\"https://second.example.com\"]\ntoken_url = \"{endpoint}\"\n"

// surveyed is a home whose profiles the engine has looked at. The hosts are asked about
// by helper, and by the front with unowned.
func surveyed(t *testing.T) *home {
	t.Helper()
	h := ready(t, oauthtest.Options{})
	h.mustGet(named) // which makes the cache
	h.profile("second", second)
	h.askURL(t, "https://nobody.example")
	return h
}

// askURL is the error for a URL.
func (h *home) askURL(t *testing.T, address string) error {
	t.Helper()
	_, err := h.get(protocol.Request{URL: url(t, address)})
	return err
}

// unowned reports whether the front says that nobody owns the URL.
func (h *home) unowned(t *testing.T, address string) bool {
	t.Helper()
	store := h.front()
	defer store.Close()
	_, ok := store.Unowned(url(t, address), h.clock(h.now()))
	return ok
}

// editInPlace changes a profile in place, so that its folder does not show it.
func (h *home) editInPlace(name, content string) {
	h.t.Helper()
	h.write(filepath.Join(h.dirs.Profiles(), name+".toml"), h.fill(content))
}

const claimsNobody = "client_id = \"x\"\norigins = [\"https://nobody.example\"]\ntoken_url = \"{endpoint}\"\n"

// TestHostsInTime: a profile that claims a host counts at the next call if its file was
// dropped in, and after 10 s if it was edited in place, for the front and for whoever
// asks the helper.
func TestHostsInTime(t *testing.T) {
	h := surveyed(t)
	if !h.unowned(t, "https://nobody.example") || h.unowned(t, "https://second.example.com") {
		t.Fatal("the front does not know the hosts")
	}
	h.editInPlace("second", claimsNobody)
	wantError(t, h.askURL(t, "https://nobody.example"), protocol.ErrNoProfile)
	h.wait(10 * time.Second)
	if h.unowned(t, "https://nobody.example") {
		t.Error("after 10 s the front believes what was known before")
	}
	wantError(t, h.askURL(t, "https://nobody.example"), protocol.ErrNoSecret)
	if h.unowned(t, "https://nobody.example") || !h.unowned(t, "https://second.example.com") {
		t.Error("the front does not know the new hosts")
	}
	h.profile("third", second)
	if h.unowned(t, "https://second.example.com") {
		t.Error("a profile that was dropped in does not count at once")
	}
	wantError(t, h.askURL(t, "https://second.example.com"), protocol.ErrNoSecret)
}

// TestHostsAreRefreshed: explain and Refresh, which status and doctor call, look at all
// profiles, so that an edit in place counts at once.
func TestHostsAreRefreshed(t *testing.T) {
	for what, refresh := range map[string]func(h *home){
		"explain": func(h *home) { h.helper().Explain(context.Background(), "https://example.com") },
		"refresh": func(h *home) { h.helper().Refresh(context.Background()) },
	} {
		h := surveyed(t)
		h.editInPlace("second", claimsNobody)
		refresh(h)
		if h.unowned(t, "https://nobody.example") || !h.unowned(t, "https://second.example.com") {
			t.Errorf("%s does not refresh the hosts", what)
		}
	}
}

// TestHostsAreRenewed: after 10 s a look that finds no change makes the front believe
// again, and writes the long files no more.
func TestHostsAreRenewed(t *testing.T) {
	h := surveyed(t)
	before := h.state(t)
	h.wait(20 * time.Second)
	if h.unowned(t, "https://nobody.example") {
		t.Fatal("believed after 20 s")
	}
	h.askURL(t, "https://nobody.example")
	if !h.unowned(t, "https://nobody.example") {
		t.Error("not renewed")
	}
	after := h.state(t)
	if after["origins"] != before["origins"] || after["hosts-buckets"] != before["hosts-buckets"] || after["hosts"] == before["hosts"] {
		t.Error("not only the time was written")
	}
}

// state are the files of the survey.
func (h *home) state(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"hosts", "hosts-buckets", "origins"} {
		content, err := os.ReadFile(filepath.Join(h.dirs.Run(), name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	return files
}

func (h *home) restore(t *testing.T, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(h.dirs.Run(), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostsOfBefore: hosts that were found before a profile was edited, and lie beside
// what was found after it, as two processes may leave them, are not renewed.
func TestHostsOfBefore(t *testing.T) {
	h := surveyed(t)
	old := h.state(t)
	h.editInPlace("second", claimsNobody)
	h.wait(10 * time.Second)
	wantError(t, h.askURL(t, "https://nobody.example"), protocol.ErrNoSecret)
	delete(old, "origins")
	h.restore(t, old)
	h.wait(10 * time.Second)
	h.askURL(t, "https://example.com")
	if h.unowned(t, "https://nobody.example") || !h.unowned(t, "https://example.com") {
		t.Error("hosts of before are believed, or none")
	}
}

// TestSurveyHeals: damage to any of the files changes no answer and is mended by the
// next look.
func TestSurveyHeals(t *testing.T) {
	for _, name := range []string{"hosts", "hosts-buckets", "origins"} {
		for what, spoil := range map[string]func(string) string{
			"empty":   func(string) string { return "" },
			"cut":     func(s string) string { return s[:len(s)-1] },
			"flipped": func(s string) string { return s[:60] + string(s[60]^1) + s[61:] },
		} {
			h := surveyed(t)
			h.restore(t, map[string]string{name: spoil(h.state(t)[name])})
			h.wait(10 * time.Second)
			wantError(t, h.askURL(t, "https://nobody.example"), protocol.ErrNoProfile)
			wantError(t, h.askURL(t, "https://second.example.com"), protocol.ErrNoSecret)
			if !h.unowned(t, "https://nobody.example") {
				t.Errorf("%s, %s: not healed", name, what)
			}
			store, err := cache.Open(h.dirs)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Origins(); err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			store.Close()
		}
	}
}

// TestSurveyWithoutTime: who has no time to look at all profiles does not say that none
// owns the URL.
func TestSurveyWithoutTime(t *testing.T) {
	h := surveyed(t)
	h.wait(10 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.helper().Get(ctx, protocol.Request{Verb: protocol.Get, URL: url(t, "https://nobody.example")})
	wantError(t, err, protocol.ErrUnreachable, "0 of 2 profiles", "ask again")
}

// TestSurveyInThreeCalls: in a home that nothing is known of, a call for which time ends
// when a third of the profiles is read keeps them, and the third call is answered.
func TestSurveyInThreeCalls(t *testing.T) {
	const files, each = 240, 90 // of which some goes to what is not a profile
	h := ready(t, oauthtest.Options{})
	h.mustGet(named) // which makes the cache
	h.profiles(files)
	for call := 1; ; call++ {
		ctx, end := context.WithCancel(t.Context())
		config := h.config()
		clock, stamps := config.Now, new(atomic.Int32) // each stamp is compared with the clock
		config.Now = func() time.Time {
			if stamps.Add(1) == each && call < 3 {
				end()
			}
			return clock()
		}
		_, err := helper.New(config).Get(ctx, protocol.Request{Verb: protocol.Get, URL: url(t, "https://nobody.example")})
		end()
		if call == 3 {
			wantError(t, err, protocol.ErrNoProfile)
			if n := stamps.Load(); n < files || n > 2*files {
				t.Errorf("%d stamps in the last call", n)
			}
			break
		}
		wantError(t, err, protocol.ErrUnreachable, " of "+strconv.Itoa(files+1)+" profiles", "what was read is kept")
		if n := len(h.known(t).Files); n < call*(each-40) || n > call*(each+2) {
			t.Errorf("call %d: %d profiles are known", call, n)
		}
	}
	if !h.unowned(t, "https://nobody.example") || h.unowned(t, "https://p7.example.com") {
		t.Error("the front does not know the hosts")
	}
}

// known is what is known of all profiles.
func (h *home) known(t *testing.T) *cache.Origins {
	t.Helper()
	store := h.front()
	defer store.Close()
	o, err := store.Origins()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestRoutesInTime: an edit in place of another profile shows in the route of a host it
// claims: at the next call where profiles are few, and after 10 s where they are many.
func TestRoutesInTime(t *testing.T) {
	const shared, path = "https://a.example.com", "https://a.example.com/x"
	claiming := func(origin string) string {
		return "client_id = \"client\"\norigins = [\"" + origin + "\"]\ntoken_url = \"{endpoint}\"\n"
	}
	for _, others := range []int{0, 20} {
		h := ready(t, oauthtest.Options{})
		h.profiles(others)
		h.profile("first", claiming(shared))
		h.profile("then", claiming("https://other.example"))
		h.store("first", "secret")
		r := protocol.Request{URL: url(t, path)}
		if got := h.mustGet(r); got.Profile != "first" {
			t.Fatal(got.Profile)
		}
		h.editInPlace("then", claiming(path))
		if few := others == 0; h.leads(t, path) == few {
			t.Errorf("beside %d others: the front believes the route: %v", others, !few)
		}
		h.wait(10 * time.Second)
		if h.leads(t, path) {
			t.Errorf("beside %d others: the front believes the route after 10 s", others)
		}
		wantError(t, h.askURL(t, path), protocol.ErrNoSecret, "profile then")
		h.store("then", "secret")
		for range 2 { // the second by the new route
			if got := h.mustGet(r); got.Profile != "then" || !h.leads(t, path) {
				t.Errorf("beside %d others: %s", others, got.Profile)
			}
		}
		h.wait(10 * time.Second)
		if few := others == 0; h.leads(t, path) != few {
			t.Errorf("beside %d others, 10 s after they were compared: it leads: %v", others, !few)
		}
		if got := h.mustGet(r); got.Source != "cache" || !h.leads(t, path) {
			t.Errorf("beside %d others: compared again, %+v", others, got)
		}
	}
}

// profiles writes further profiles, p0, p1 ..., each with a host of its own.
func (h *home) profiles(n int) {
	h.t.Helper()
	for i := range n {
		name := "p" + strconv.Itoa(i)
		text := h.fill(strings.ReplaceAll(second, "second", name))
		if err := os.WriteFile(filepath.Join(h.dirs.Profiles(), name+".toml"), []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	h.settle()
}

// leads reports whether the front finds a profile for the URL.
func (h *home) leads(t *testing.T, address string) bool {
	t.Helper()
	store := h.front()
	defer store.Close()
	return store.Owner(url(t, address), h.clock(h.now())) != ""
}

// TestRoutesOfEditedProfiles: once the engine looks at all profiles, a route that an
// edit in place of another profile made wrong leads nowhere any more.
func TestRoutesOfEditedProfiles(t *testing.T) {
	const host, wild, path = "https://a.example.com", "https://*.example.com", "https://a.example.com/x"
	for _, c := range []struct {
		name, first, then string
		others            int // that were edited as well
	}{
		{"a path on the host", host, path, 0},
		{"the host below a wildcard", wild, host, 0},
		{"many edits", host, path, 51},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			claiming := func(origin string) string {
				return "client_id = \"client\"\norigins = [\"" + origin + "\"]\ntoken_url = \"{endpoint}\"\n"
			}
			h.profiles(20) // so that the routes have no stamps of them
			h.profile("first", claiming(c.first))
			h.profile("then", claiming("https://other.example"))
			for i := range c.others {
				h.profile("other-"+strconv.Itoa(i), claiming("https://other-"+strconv.Itoa(i)+".example"))
			}
			h.store("first", "secret")
			r := protocol.Request{URL: url(t, "https://a.example.com/x")}
			if got := h.mustGet(r); got.Profile != "first" {
				t.Fatal(got.Profile)
			}
			h.mustGet(r) // by the route
			h.editInPlace("then", claiming(c.then))
			for i := range c.others {
				h.editInPlace("other-"+strconv.Itoa(i), claiming("https://edited-"+strconv.Itoa(i)+".example"))
			}
			h.wait(10 * time.Second)
			h.askURL(t, "https://nobody.example")
			wantError(t, h.askURL(t, path), protocol.ErrNoSecret, "profile then")
		})
	}
}

// TestSurveyKeepsWhatItParsed: what was parsed is stored before what is made of it, so
// that a process which does not come so far has not parsed in vain.
func TestSurveyKeepsWhatItParsed(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	h.mustGet(named)
	if err := os.MkdirAll(filepath.Join(h.dirs.Run(), "hosts-buckets", "in-the-way"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantError(t, h.askURL(t, "https://nobody.example"), protocol.ErrNoProfile)
	store := h.front()
	defer store.Close()
	if o, err := store.Origins(); err != nil || len(o.Files) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}
