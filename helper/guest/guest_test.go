package guest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// place is a home with the profiles jama and graph, a keyring in memory, and a clock
// that the test moves.
type place struct {
	t      *testing.T
	dirs   cache.Dirs
	now    time.Time
	items  map[string]secret.Text
	locked bool
	sets   int    // Set fails from the nth call on; 0: never
	stored func() // runs after each Set that succeeds; may be nil
	helper *helper.Helper
	lender *guest.Lender
	book   *guest.Book
}

func (p *place) Get(_ context.Context, key string) (secret.Text, error) {
	switch v, known := p.items[key]; {
	case p.locked:
		return secret.Text{}, keyring.ErrLocked
	case !known:
		return secret.Text{}, keyring.ErrNotFound
	default:
		return v, nil
	}
}

func (p *place) Set(_ context.Context, key string, v secret.Text) error {
	if p.locked {
		return keyring.ErrLocked
	}
	if p.sets > 0 {
		if p.sets--; p.sets == 0 {
			p.sets = 1 // and so does each later call
			return keyring.ErrUnavailable
		}
	}
	p.items[key] = v
	if p.stored != nil {
		p.stored()
	}
	return nil
}

func (p *place) Delete(_ context.Context, key string) error { delete(p.items, key); return nil }

func (p *place) Names(context.Context) ([]string, error) { return nil, nil }

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{t: t, now: time.Now(), items: map[string]secret.Text{}, dirs: cache.Dirs{
		Config: dir + "/config", Data: dir + "/data", State: dir + "/state", Runtime: dir + "/run"}}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.write("config.toml", `keyring = "file"`)
	p.write("profiles/jama.toml", "preset = \"jama\"\nurl = \"https://example.jamacloud.com\"\nclient_id = \"client\"\n")
	p.write("profiles/graph.toml", "preset = \"oauth2\"\ntoken_url = \"https://login.example/token\"\norigins = [\"https://graph.example\"]\nclient_id = \"g\"\nscopes = [\"https://graph.example/.default\"]\n")
	p.restart()
	return p
}

// restart is another process on the same home.
func (p *place) restart() {
	now := func() time.Time { return p.now }
	p.helper = helper.New(helper.Config{Dirs: p.dirs, Now: now, Env: func(string) string { return "" }, RunsLong: true,
		Keyring: func(context.Context, config.Settings) (keyring.Keyring, error) { return p, nil }})
	p.lender, p.book = &guest.Lender{Helper: p.helper, Now: now}, &guest.Book{Helper: p.helper, Now: now}
}

func (p *place) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dirs.Config, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

const jci = "guests/jci.toml"

func (p *place) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dirs.Config, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// later moves the clock by more than what was read is used for.
func (p *place) later() { p.now = p.now.Add(150 * time.Millisecond) }

func (p *place) lend(f guest.File) secret.Text {
	p.t.Helper()
	f.Profile = "jama"
	text, err := p.lender.Lend(p.t.Context(), "jci", f)
	if err != nil {
		p.t.Fatal(err)
	}
	p.later()
	return text
}

// knows reports whether a secret or a token is accepted now.
func (p *place) knows(text secret.Text) bool {
	p.t.Helper()
	p.later()
	_, err := p.book.BySecret(p.t.Context(), "lend-jci", text)
	if strings.HasPrefix(text.Reveal(), "chd_") {
		_, err = p.book.ByToken(p.t.Context(), text)
	}
	if err != nil && !errors.Is(err, guest.ErrUnknown) {
		p.t.Errorf("%v", err)
	}
	return err == nil
}

func (p *place) token(text secret.Text) secret.Text {
	p.t.Helper()
	a, err := p.book.BySecret(p.t.Context(), "lend-jci", text)
	if err != nil {
		p.t.Fatal(err)
	}
	token, _, err := a.Token(protocol.Narrowing{}, p.now.Unix()+3600)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// TestSeal (D2): a guest's file counts only as lend made it. One that somebody else put
// there, or changed, gets nothing until a person accepts it.
func TestSeal(t *testing.T) {
	p := newPlace(t)
	s := p.lend(guest.File{Methods: []string{"GET"}, Paths: []string{"/rest/v1"}, Expires: p.now.Add(time.Hour).UTC().Format(time.RFC3339)})
	good := p.read(jci)
	bound := func() [32]byte {
		a, err := p.book.BySecret(t.Context(), "lend-jci", s)
		if err != nil || a.Binding != a.Of.TokenBinding() {
			t.Errorf("the binding is not the profile's: %v", err)
		}
		return a.Binding
	}
	before := bound()
	for name, change := range map[string][2]string{
		"a method": {"['GET']", "['GET', 'DELETE']"}, "the paths": {"/rest/v1", "/"}, "the token": {"profile = ", "token = 'real'\nprofile = "},
		"the end": {"expires = '2", "expires = '3"}, "a user": {"profile = ", "users = [65534]\nprofile = "}, "the profile": {"'jama'", "'graph'"},
		"a network": {"profile = ", "from = ['10.0.0.0/8']\nprofile = "}, "an identity": {"profile = ", "azure = ['graph']\nprofile = "}, "no seal": {"seal = '", "seal = '00"},
	} {
		edited := strings.Replace(good, change[0], change[1], 1)
		if edited == good {
			t.Fatalf("%s: %s has no %s", name, good, change[0])
		}
		p.write(jci, edited)
		if p.knows(s) {
			t.Errorf("%s was changed by hand, and counts", name)
		}
	}
	p.write(jci, "# a remark changes nothing\n"+good)
	if !p.knows(s) {
		t.Error("with a remark it is refused")
	}
	p.write("guests/spy.toml", strings.Replace(good, "lend-jci", "lend-spy", 1))
	if rows, _ := p.book.Rows(t.Context()); len(rows) != 2 || rows[0].Refused != nil || rows[1].Refused == nil {
		t.Errorf("a planted copy: %+v", rows)
	}
	if !p.knows(s) {
		t.Error("a planted copy takes the place of the guest")
	}
	if p.book.Serves(t.Context(), 65534) {
		t.Error("another user of the machine is served, and no guest says so")
	}
	if err := os.Remove(filepath.Join(p.dirs.Config, "guests/spy.toml")); err != nil {
		t.Fatal(err)
	}
	p.write("profiles/jama.toml", p.read("profiles/jama.toml")+"token_url = \"https://evil.example/token\"\n")
	if p.knows(s) {
		t.Error("the profile sends its secret elsewhere, and the guest counts")
	}
	if f, err := p.lender.Accept(t.Context(), "jci"); err != nil || !p.knows(s) || f.Profile != "jama" {
		t.Errorf("accepted: %+v, %v", f, err)
	}
	if bound() == before {
		t.Error("the profile has changed, and its binding has not")
	}
}

// TestGone (D14): what was replaced or taken back stays dead, also where its file comes
// back from a backup, and where the guest is made again.
func TestGone(t *testing.T) {
	p := newPlace(t)
	first := p.lend(guest.File{})
	token, backup := p.token(first), p.read(jci)
	if !p.knows(first) || !p.knows(token) {
		t.Fatal("they do not count at all")
	}
	_, second, err := p.lender.Rotate(t.Context(), "jci", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	if p.knows(first) || p.knows(token) || !p.knows(second) {
		t.Error("after a rotation the old ones count, or the new one does not")
	}
	p.write(jci, backup)
	if p.knows(first) || p.knows(token) {
		t.Error("a restored file brings them back")
	}
	if _, err := p.lender.Accept(t.Context(), "jci"); err != nil {
		t.Fatal(err)
	}
	if err := p.lender.Revoke(t.Context(), "jci"); err != nil || p.knows(first) || p.knows(token) {
		t.Errorf("after revocation they count: %v", err)
	}
	p.write(jci, backup)
	if p.knows(first) || p.knows(token) {
		t.Error("a restored file brings a revoked guest back")
	}
	if err := p.lender.Revoke(t.Context(), "jci"); err != nil {
		t.Fatal(err)
	}
	third := p.lend(guest.File{})
	if p.knows(first) || p.knows(token) || p.knows(second) || !p.knows(third) {
		t.Error("lent again, the old ones count, or the new one does not")
	}
}

// TestOverlap: with an overlap the old secret and its tokens work until its end, and no
// token outlives it.
func TestOverlap(t *testing.T) {
	p := newPlace(t)
	first := p.lend(guest.File{})
	before := p.token(first)
	if _, _, err := p.lender.Rotate(t.Context(), "jci", 10*time.Minute, ""); err != nil {
		t.Fatal(err)
	}
	if !p.knows(first) || !p.knows(before) {
		t.Error("in the overlap the old ones are dead")
	}
	p.now = p.now.Add(9 * time.Minute)
	during := p.token(first)
	p.now = p.now.Add(2 * time.Minute)
	if p.knows(first) || p.knows(before) || p.knows(during) {
		t.Error("after the overlap the old ones count")
	}
	if err := p.lender.Revoke(t.Context(), "jci"); err != nil {
		t.Fatal(err)
	}
	p.lend(guest.File{Expires: p.now.Add(time.Hour).UTC().Format(time.RFC3339)})
	if g, _, err := p.lender.Rotate(t.Context(), "jci", 10*time.Hour, ""); err != nil || g.Until != g.Expires {
		t.Errorf("the old secret ends at %s, the guest at %s, %v", g.Until, g.Expires, err)
	}
}

// TestReaches: a path is of use to a guest if the profile's token goes there, or below it.
func TestReaches(t *testing.T) {
	p := newPlace(t)
	for origins, reached := range map[string]string{
		`["https://example.jamacloud.com"]`:                                               "all",
		`["https://example.jamacloud.com/rest/v1"]`:                                       "/ /rest /rest/v1 /rest/v1/users",
		`["https://example.jamacloud.com/a", "https://other.jamacloud.com/rest"]`:         "/ /a",
		`["https://example.jamacloud.com/a/b", "https://example.jamacloud.com/rest/v10"]`: "/ /a /rest /rest/v10",
	} {
		p.write("profiles/jama.toml", "preset = \"oauth2\"\nurl = \"https://example.jamacloud.com\"\norigins = "+origins+"\ntoken_url = \"https://example.jamacloud.com/token\"\nclient_id = \"client\"\n")
		of, err := p.helper.Profile("jama")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/", "/rest", "/rest/v1", "/rest/v10", "/rest/v1/users", "/a", "/other"} {
			if got, want := (&guest.Row{Of: of}).Reaches(path), reached == "all" || slices.Contains(strings.Fields(reached), path); got != want {
				t.Errorf("%s, %s: %v", origins, path, got)
			}
		}
	}
}

// TestEnds: a guest ends when its file says so, a token with its own end or the guest's.
func TestEnds(t *testing.T) {
	p := newPlace(t)
	s := p.lend(guest.File{Expires: p.now.Add(30 * time.Minute).UTC().Format(time.RFC3339)})
	a, err := p.book.BySecret(t.Context(), "", s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ server, want time.Duration }{{10 * time.Minute, 10 * time.Minute}, {time.Hour, 30 * time.Minute}} {
		if _, ends, err := a.Token(protocol.Narrowing{}, p.now.Add(c.server).Unix()); err != nil || ends > p.now.Add(c.want).Unix() || ends < p.now.Add(c.want).Unix()-2 {
			t.Errorf("the server's token ends in %v, the local one in %d s, %v", c.server, ends-p.now.Unix(), err)
		}
	}
	short, _, _ := a.Token(protocol.Narrowing{}, p.now.Unix()+60)
	p.now = p.now.Add(61 * time.Second)
	if p.knows(short) || !p.knows(s) || !p.book.Lives(t.Context(), a) {
		t.Error("a token lives too long, or its guest ends with it")
	}
	p.now = p.now.Add(30 * time.Minute)
	if p.knows(s) || p.book.Lives(t.Context(), a) {
		t.Error("the guest does not end")
	}
}

// TestWho: id, secret and token have to be those of one guest.
func TestWho(t *testing.T) {
	p := newPlace(t)
	s := p.lend(guest.File{})
	token := p.token(s).Reveal()
	for name, c := range map[string]struct{ id, text string }{
		"a wrong secret": {"lend-jci", s.Reveal() + "x"}, "a wrong id": {"lend-jc", s.Reveal()}, "no secret": {"lend-jci", ""}, "the token as secret": {"lend-jci", token},
	} {
		if _, err := p.book.BySecret(t.Context(), c.id, secret.New(c.text)); !errors.Is(err, guest.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range len(token) {
		other := byte('A')
		if token[i] == other {
			other = 'B'
		}
		if _, err := p.book.ByToken(t.Context(), secret.New(token[:i]+string(other)+token[i+1:])); !errors.Is(err, guest.ErrUnknown) {
			t.Errorf("a token with another byte %d: %v", i, err)
		}
	}
	for _, text := range []string{"", "chd_", "chd_AAAA", token[:len(token)-1], token + "A", s.Reveal()} {
		if _, err := p.book.ByToken(t.Context(), secret.New(text)); !errors.Is(err, guest.ErrUnknown) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRestart (D16): tokens need no record, so a door that was killed accepts them.
func TestRestart(t *testing.T) {
	p := newPlace(t)
	token := p.token(p.lend(guest.File{}))
	p.restart()
	if !p.knows(token) {
		t.Error("another process does not know the token")
	}
}

// TestLocked: while the keyring is locked nobody can say who a guest is, and that is not
// the same as a wrong secret.
func TestLocked(t *testing.T) {
	p := newPlace(t)
	s := p.lend(guest.File{})
	p.restart()
	p.locked = true
	if _, err := p.book.BySecret(t.Context(), "lend-jci", s); !errors.Is(err, protocol.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if _, err := p.book.BySecret(t.Context(), "lend-jci", secret.New("chl_wrong")); !errors.Is(err, guest.ErrUnknown) {
		t.Errorf("locked, a wrong secret: %v", err)
	}
	p.locked = false
	p.now = p.now.Add(time.Second) // a locked keyring is asked once a second
	if !p.knows(s) {
		t.Error("unlocked, it does not count")
	}
}

// TestKilled: however far a rotation comes, the old secret works or the new one does,
// and the next rotation succeeds.
func TestKilled(t *testing.T) {
	for n := 1; n <= 2; n++ {
		p := newPlace(t)
		first := p.lend(guest.File{})
		p.sets = n
		_, second, err := p.lender.Rotate(t.Context(), "jci", 0, "")
		p.sets = 0
		if err == nil {
			t.Fatalf("call %d of Set does not fail", n)
		}
		if old, now := p.knows(first), p.knows(second); old == now {
			t.Errorf("Set %d failed: the old secret works: %v, the new one: %v", n, old, now)
		}
		_, third, err := p.lender.Rotate(t.Context(), "jci", 0, "")
		if err != nil || !p.knows(third) || p.knows(first) || p.knows(second) {
			t.Errorf("after that: %v", err)
		}
	}
}

// TestKilledBetween: where the keyring has the new number, and the file is still the old
// one, the old secret works.
func TestKilledBetween(t *testing.T) {
	p := newPlace(t)
	first := p.lend(guest.File{})
	dir := p.dirs.Guests()
	p.stored = func() { // nothing can be written there any more
		p.stored = nil
		if err := errors.Join(os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := p.lender.Rotate(t.Context(), "jci", 0, ""); err == nil {
		t.Error("the file was written all the same")
	}
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	if !p.knows(first) {
		t.Error("the old secret is dead")
	}
}

// TestIdentity: a guest gets an identity of Azure only from the profiles lent for that,
// and only where one of them has the resource's scope.
func TestIdentity(t *testing.T) {
	p := newPlace(t)
	p.write("profiles/graph2.toml", strings.Replace(strings.Replace(p.read("profiles/graph.toml"), `"g"`, `"g2"`, 1), "https://graph.example\"]", "https://graph2.example\"]", 1))
	s := p.lend(guest.File{Azure: []string{"graph", "graph2"}})
	a, err := p.book.BySecret(t.Context(), "", s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ resource, client, want string }{
		{"https://graph.example", "", "<nil> two profiles claim it"}, {"https://graph.example", "g", "graph <nil>"}, {"https://graph.example/", "g2", "graph2 <nil>"},
		{"https://vault.example", "", "no profile"}, {"https://graph.example", "other", "no profile"},
	} {
		name, err := a.Identity(c.resource, c.client)
		got := fmt.Sprint(name, " ", err)
		switch {
		case errors.Is(err, protocol.ErrAmbiguous):
			got = "<nil> two profiles claim it"
		case errors.Is(err, protocol.ErrNoProfile):
			got = "no profile"
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.resource, c.client, got, c.want)
		}
	}
}

// TestSystemGuest: a file of root's among the system's needs no seal; one that others
// can write to, or of anybody else, does. It must be removed where it is.
func TestSystemGuest(t *testing.T) {
	p := newPlace(t)
	p.dirs.System = filepath.Join(filepath.Dir(p.dirs.Config), "etc")
	p.restart()
	text := secret.New("chl_of-the-system")
	sum := sha256.Sum256([]byte(text.Reveal()))
	p.write("../etc/guests/jci.toml", fmt.Sprintf("profile = 'jama'\nsecret_sha256 = '%x'\n", sum))
	if got, want := p.knows(text), os.Geteuid() == 0; got != want {
		t.Errorf("a file of user %d counts: %v", os.Geteuid(), got)
	}
	if err := p.lender.Revoke(t.Context(), "jci"); !errors.Is(err, protocol.ErrPolicy) {
		t.Errorf("revoked: %v", err)
	}
	if err := os.Chmod(filepath.Join(p.dirs.System, "guests/jci.toml"), 0o666); err != nil {
		t.Fatal(err)
	}
	if p.knows(text) {
		t.Error("a file that everybody can write to counts")
	}
}

// TestNarrowed: a local token says what it is narrowed to, nobody can change that, and it
// ends like others.
func TestNarrowed(t *testing.T) {
	p := newPlace(t)
	a, err := p.book.BySecret(t.Context(), "", p.lend(guest.File{}))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	for _, n := range []protocol.Narrowing{{}, {Scope: "read"}, {Scope: "read write"}, {Audience: "read"}, {Scope: "read", Audience: "a"}} {
		token, _, err := a.Token(n, p.now.Unix()+60)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.book.ByToken(t.Context(), token)
		if err != nil || got.Narrowing != n {
			t.Errorf("%+v: %+v, %v", n, got.Narrowing, err)
		}
		texts[token.Reveal()] = true
	}
	if len(texts) != 5 {
		t.Errorf("%d of 5 tokens differ", len(texts))
	}
	whole, _, _ := a.Token(protocol.Narrowing{}, p.now.Unix()+60)
	narrow, _, _ := a.Token(protocol.Narrowing{Scope: "read"}, p.now.Unix()+60)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(narrow.Reveal(), "chd_"))
	if err != nil {
		t.Fatal(err)
	}
	said := func(text string) string { // the same MAC, and something else
		return "chd_" + base64.RawURLEncoding.EncodeToString(append(slices.Clone(raw[:8+32]), text...))
	}
	if said("jci\x00read\x00") != narrow.Reveal() {
		t.Fatal("the test does not know what a token is like")
	}
	for _, text := range []string{
		said("jci"), said("jci\x00\x00"), said("jci\x00read write\x00"), said("jci\x00\x00read"), said("jci\x00read\x00a"), said("jci\x00read"),
		whole.Reveal()[:len("chd_")+53] + narrow.Reveal()[len("chd_")+53:],
	} {
		if _, err := p.book.ByToken(t.Context(), secret.New(text)); !errors.Is(err, guest.ErrUnknown) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestUsed: when a guest was used last is known after its door has ended, of each guest by
// itself, and is forgotten with its secret. A door writes it at once if it is a guest's first
// use, and else once a minute at most.
func TestUsed(t *testing.T) { synctest.Test(t, testUsed) }

func testUsed(t *testing.T) {
	p := newPlace(t)
	s := p.lend(guest.File{})
	other, err := p.lender.Lend(t.Context(), "idle", guest.File{Profile: "jama"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.dirs.Run(), 0o700); err != nil {
		t.Fatal(err)
	}
	used := func() (jci, idle time.Time) {
		rows, _ := (&guest.Book{Helper: p.helper, Now: func() time.Time { return p.now }}).Rows(t.Context())
		if len(rows) != 2 {
			t.Fatalf("%d guests", len(rows))
		}
		return rows[1].Used, rows[0].Used
	}
	use := func(text secret.Text) {
		p.later()
		a, err := p.book.BySecret(t.Context(), "", text)
		if err != nil {
			t.Fatal(err)
		}
		p.book.Used(a)
		synctest.Wait() // for what is written in the background
	}
	path := filepath.Join(p.dirs.Run(), "guests")
	use(s) // the first use is written at once
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	p.now = p.now.Add(30 * time.Second)
	use(s)
	last := p.now
	p.book.WriteUses()
	if jci, idle := used(); jci.Unix() != last.Unix() || !idle.IsZero() {
		t.Errorf("used %v, %v", jci, idle)
	}
	before, _ := os.Stat(path)
	p.now = p.now.Add(10 * time.Second)
	use(s)
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("it was written again within a minute")
	}
	use(other) // but another guest's first use is
	var idle time.Time
	if last, idle = used(); idle.IsZero() {
		t.Error("another guest's first use waits for the next minute")
	}
	_, second, err := p.lender.Rotate(t.Context(), "jci", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	p.restart() // another door, which knows nothing of the first one's uses
	if jci, _ := used(); jci.Unix() != last.Unix() {
		t.Errorf("after a rotation with an overlap: %v", jci)
	}
	use(second)
	p.book.WriteUses()
	if jci, _ := used(); jci.Unix() != p.now.Unix() {
		t.Errorf("the new secret: %v, want %v", jci, p.now)
	}
	if err := os.WriteFile(path, []byte("{damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if jci, _ := used(); !jci.IsZero() {
		t.Errorf("damaged: %v", jci)
	}
	p.now = p.now.Add(time.Second)
	use(second)
	p.book.WriteUses()
	if jci, _ := used(); jci.IsZero() {
		t.Error("a damaged file is not replaced")
	}
}
