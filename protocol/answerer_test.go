package protocol_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

// kinds are the sentinels by name, the narrower before those they could be
// taken for.
var kinds = []struct {
	name string
	err  error
}{
	{"ErrMalformed", protocol.ErrMalformed},
	{"ErrNoProfile", protocol.ErrNoProfile},
	{"ErrNoSecret", protocol.ErrNoSecret},
	{"ErrLocked", protocol.ErrLocked},
	{"ErrLogin", protocol.ErrLogin},
	{"ErrRefused", protocol.ErrRefused},
	{"ErrUnreachable", protocol.ErrUnreachable},
	{"ErrPolicy", protocol.ErrPolicy},
	{"ErrBusy", protocol.ErrBusy},
	{"ErrUnknown", protocol.ErrUnknown},
	{"ErrAmbiguous", protocol.ErrAmbiguous},
}

func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "none"
}

func sentinel(t testing.TB, name string) error {
	t.Helper()
	for _, k := range kinds {
		if k.name == name {
			return k.err
		}
	}
	t.Fatalf("no sentinel %s", name)
	return nil
}

// owner is a profile of testdata/profiles.txt.
type owner struct {
	name    string
	origins []origin.Origin
	given   protocol.Credential
	fails   error
}

// answerer owns what testdata/profiles.txt says and answers as the helper would,
// without its secrets, cache and network.
type answerer struct {
	owners  []owner
	dropped []string // profiles whose token was dropped
}

// newAnswerer reads the profiles; overrides change each credential.
func newAnswerer(t testing.TB, overrides string) *answerer {
	t.Helper()
	data, err := os.ReadFile("testdata/profiles.txt")
	if err != nil {
		t.Fatal(err)
	}
	a := &answerer{}
	for _, line := range lines(string(data)) {
		key, value, _ := strings.Cut(line, " ")
		if key == "profile" {
			a.owners = append(a.owners, owner{name: value, given: protocol.Credential{
				Profile: value, Scheme: "Bearer", Secret: secret.New("t0k"), Expires: 1893456000, Source: "cache",
			}})
			continue
		}
		o := &a.owners[len(a.owners)-1]
		switch key {
		case "origin":
			parsed, err := origin.Parse(value)
			if err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			o.origins = append(o.origins, parsed)
			o.given.Origins = append(o.given.Origins, parsed.String())
		case "fails":
			kind := sentinel(t, value)
			o.fails = &protocol.Error{Kind: kind, Text: "profile " + o.name + ": " + kind.Error()}
		case "hint":
			o.fails.(*protocol.Error).Hint = value
		default:
			override(t, &o.given, key, value)
		}
	}
	if len(a.owners) == 0 {
		t.Fatal("no profiles")
	}
	for i := range a.owners {
		for _, line := range lines(overrides) {
			key, value, _ := strings.Cut(line, " ")
			override(t, &a.owners[i].given, key, vectortest.Expand(t, value))
		}
	}
	return a
}

// override sets a field of a credential; "-" and no value are the empty text.
func override(t testing.TB, c *protocol.Credential, key, value string) {
	t.Helper()
	if value == "-" {
		value = ""
	}
	switch key {
	case "token":
		c.Secret = secret.New(value)
	case "username":
		c.Username = value
	case "scheme":
		c.Scheme = value
	case "header":
		c.Header = value
	case "source":
		c.Source = value
	case "wide":
		c.Wide = true
	case "refresh_on":
		for text := range strings.SplitSeq(value, ",") {
			status, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			c.RefreshOn = append(c.RefreshOn, status)
		}
	case "expires":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Expires = n
	default:
		t.Fatalf("what is %q?", key)
	}
}

// find is the one profile that may answer r (O1, O12, O14).
func (a *answerer) find(r protocol.Request) (*owner, int, error) {
	var best *owner
	claim, tie, near := 0, false, origin.NoOrigins
	named := false
	for i := range a.owners {
		o := &a.owners[i]
		if r.Profile != "" && r.Profile != o.name {
			continue
		}
		named = true
		if r.URL == (origin.URL{}) {
			if r.Profile == "" {
				continue
			}
			return o, 0, nil
		}
		at, reason := origin.Best(o.origins, r.URL)
		if at < 0 {
			if reason == origin.PlainHTTP || reason == origin.BareHost {
				near = reason
			}
			continue
		}
		here := o.origins[at].Specificity()
		if best == nil || here > best.origins[claim].Specificity() {
			best, claim, tie = o, at, false
		} else if here == best.origins[claim].Specificity() {
			tie = true
		}
	}
	switch {
	case !named:
		return nil, 0, &protocol.Error{Kind: protocol.ErrUnknown, Text: "no profile " + r.Profile}
	case tie:
		return nil, 0, &protocol.Error{Kind: protocol.ErrAmbiguous, Text: "two profiles claim " + r.URL.String()}
	case best == nil && near != origin.NoOrigins:
		return nil, 0, &protocol.Error{Kind: protocol.ErrPolicy, Text: near.String()}
	case best == nil:
		return nil, 0, &protocol.Error{Kind: protocol.ErrNoProfile, Text: "no profile owns " + r.URL.String()}
	}
	return best, claim, nil
}

// Get implements protocol.Answerer.
func (a *answerer) Get(_ context.Context, r protocol.Request) (protocol.Credential, error) {
	o, claim, err := a.find(r)
	if err != nil {
		return protocol.Credential{}, err
	}
	if o.fails != nil {
		return protocol.Credential{}, o.fails
	}
	c := o.given
	if claim < len(c.Origins) {
		c.Origin = c.Origins[claim]
	}
	if r.Refresh || r.Refused.Of(c.Secret) {
		c.Secret, c.Source = secret.New("fr3sh"), "network"
		c.Expires += 3600
	}
	return c, nil
}

// Forget implements protocol.Answerer.
func (a *answerer) Forget(_ context.Context, r protocol.Request) error {
	o, _, err := a.find(r)
	if err != nil {
		return err
	}
	if r.Refused.Token.IsZero() || r.Refused.Token.Equal(o.given.Secret) {
		a.dropped = append(a.dropped, o.name)
	}
	return nil
}

// told reports whether text holds a token of any profile. A token as short as
// that of some overrides would be found in any text.
func (a *answerer) told(text string) bool {
	for _, o := range a.owners {
		if t := o.given.Secret.Reveal(); len(t) > 2 && strings.Contains(text, t) {
			return true
		}
	}
	return strings.Contains(text, "fr3sh")
}
