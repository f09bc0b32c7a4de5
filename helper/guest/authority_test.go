package guest_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestAuthority: a home has one CA, which the keyring keeps. It is for the names that it
// was made for; what becomes of them or of its time is an error that says what to type.
func TestAuthority(t *testing.T) {
	p := newPlace(t)
	ctx := t.Context()
	if a, err := guest.Authority(ctx, p.helper); a != nil || err != nil {
		t.Fatalf("at first: %v, %v", a, err)
	}
	first, err := guest.ServingAuthority(ctx, p.helper, []string{"127.0.0.1", "localhost", "Door.example.org", "192.0.2.7"}, p.now)
	if err != nil || !slices.Equal(first.Names(), []string{"door.example.org", "192.0.2.7"}) {
		t.Fatalf("made: %v, %v", first, err)
	}
	p.restart()
	again, err := guest.ServingAuthority(ctx, p.helper, []string{"door.example.org"}, p.now)
	if err != nil || string(again.PEM()) != string(first.PEM()) {
		t.Errorf("after a restart: %v", err)
	}
	refused := func(why string, kind error, hint string, names ...string) {
		t.Helper()
		_, err := guest.ServingAuthority(ctx, p.helper, names, p.now)
		var e *protocol.Error
		if !errors.As(err, &e) || !errors.Is(err, kind) || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %v", why, err)
		}
	}
	refused("another name", protocol.ErrPolicy, "proxy ca --new --name door.example.org --name 192.0.2.7 --name b.example.org", "b.example.org")
	refused("a name below", protocol.ErrPolicy, "--name a.door.example.org", "a.door.example.org")
	refused("a public suffix", protocol.ErrMalformed, "", "co.uk")

	p.write("profiles/late.toml", "preset = \"oauth2\"\ntoken_url = \"https://login.door.example.org/token\"\norigins = [\"https://late.example\"]\nclient_id = \"g\"\n")
	refused("a name above a profile's server", protocol.ErrPolicy, "--new", "door.example.org")
	p.write("profiles/late.toml", "preset = \"oauth2\"\ntoken_url = \"https://login.example/token\"\norigins = [\"https://*.example.org\"]\nclient_id = \"g\"\n")
	refused("a name below a profile's wildcard", protocol.ErrPolicy, "--new", "door.example.org")
	p.write("profiles/late.toml", "preset = \"oauth2\"\ntoken_url = \"https://login.example/token\"\norigins = [\"https://127.0.0.1:1\"]\nclient_id = \"g\"\n")

	p.locked = true
	refused("a locked keyring", protocol.ErrLocked, "")
	if _, err := guest.NewAuthority(ctx, p.helper, nil, p.now); !errors.Is(err, protocol.ErrLocked) {
		t.Errorf("a new one with a locked keyring: %v", err)
	}
	p.locked = false
	const day = 24 * time.Hour
	if guest.EndsSoon(first, p.now.Add(699*day)) || !guest.EndsSoon(first, p.now.Add(701*day)) {
		t.Error("30 days before its end is not soon")
	}
	p.now = p.now.Add(731 * day)
	refused("its end", protocol.ErrPolicy, "proxy ca --new")
	second, err := guest.NewAuthority(ctx, p.helper, nil, p.now)
	if err != nil || string(second.PEM()) == string(first.PEM()) || len(second.Names()) != 0 {
		t.Errorf("a new one: %v", err)
	}
	for key, item := range p.items {
		if strings.Contains(item.Reveal(), "PRIVATE KEY") {
			p.items[key] = secret.New("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
		}
	}
	refused("damage", protocol.ErrPolicy, "proxy ca --new")
}

// TestFrom: a guest without networks comes from this machine only, and one with networks
// from them only.
func TestFrom(t *testing.T) {
	p := newPlace(t)
	p.lend(guest.File{From: []string{"172.30.0.2/32", "2001:db8::/64"}})
	rows, _ := p.book.Rows(t.Context())
	far := rows[0]
	here := &guest.Row{Guest: &guest.Guest{}}
	for _, c := range []struct {
		row   *guest.Row
		from  string
		local bool
		want  bool
	}{
		{here, "127.0.0.1", true, true}, {here, "172.30.0.1", true, true}, {here, "172.30.0.2", false, false},
		{far, "172.30.0.2", false, true}, {far, "172.30.0.3", false, false}, {far, "2001:db8::9", false, true}, {far, "127.0.0.1", true, false},
	} {
		if got := c.row.MayComeFrom(netip.MustParseAddr(c.from), c.local); got != c.want {
			t.Errorf("%v from %s: %v", c.row.Networks, c.from, got)
		}
	}
	for from, want := range map[string]bool{"172.30.0.2": true, "172.30.0.3": false, "127.0.0.1": false} {
		if got := p.book.ServesFrom(t.Context(), netip.MustParseAddr(from)); got != want {
			t.Errorf("somebody from %s: %v", from, got)
		}
	}
	if err := p.lender.Revoke(t.Context(), "jci"); err != nil {
		t.Fatal(err)
	}
	p.later()
	if p.book.ServesFrom(t.Context(), netip.MustParseAddr("172.30.0.2")) {
		t.Error("a guest that was revoked is served")
	}
}
