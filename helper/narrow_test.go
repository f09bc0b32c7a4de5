package helper_test

import (
	"context"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// wide has two scopes and three audiences.
const wide = plain + `
scopes    = ["write", "read"]
audience  = "a"
audiences = ["b", "c"]
`

// narrowed is a request for a part of what the profile "demo" allows.
func narrowed(scope, audience string) protocol.Request {
	return protocol.Request{Profile: "demo", Narrowing: protocol.Narrowing{Scope: scope, Audience: audience}}
}

// parts are requests to the profile of wide; no two may ever get the same token.
var parts = []protocol.Request{
	narrowed("", ""), narrowed("read", ""), narrowed("write", ""), narrowed("read write", ""),
	narrowed("", "b"), narrowed("", "c"), narrowed("", "a"), narrowed("read", "b"),
}

// byFront is the token that the front would give a request; "" if the engine decides.
func (h *home) byFront(r protocol.Request) string {
	h.t.Helper()
	store, err := cache.Open(h.dirs)
	if err != nil {
		return ""
	}
	defer store.Close()
	r.Verb = protocol.Get
	c, _, err := store.Answer(r, func(name string) string { return h.env[name] }, h.clock(h.now()), nil)
	if err != nil {
		h.t.Error(err)
	}
	return c.Secret.Reveal()
}

// TestNarrow: each narrowing has a token of its own, for exactly what was asked, and
// costs one request; neither the front nor the engine ever gives one for another.
func TestNarrow(t *testing.T) {
	h := readyAs(t, wide, oauthtest.Options{})
	tokens := map[string]int{}
	for round := range 3 {
		for i, r := range parts {
			if front := h.byFront(r); round == 0 && front != "" || round > 0 && tokens[front] != i+1 {
				t.Errorf("round %d, %+v: the front gives the token of %d", round, r.Narrowing, tokens[front])
			}
			token := h.mustGet(r).Secret.Reveal()
			if round == 0 {
				tokens[token] = i + 1
			}
			if tokens[token] != i+1 {
				t.Errorf("round %d, %+v: the token of %d", round, r.Narrowing, tokens[token])
			}
		}
	}
	if len(tokens) != len(parts) || h.server.Count() != len(parts) {
		t.Fatalf("%d tokens, %d token requests, want %d", len(tokens), h.server.Count(), len(parts))
	}
	for i, r := range parts {
		form, err := neturl.ParseQuery(h.server.Requests()[i].Body)
		if err != nil {
			t.Fatal(err)
		}
		scope, audience := "write read", "a"
		if r.Scope == "read" || r.Scope == "write" {
			scope = r.Scope
		}
		if r.Audience != "" {
			audience = r.Audience
		}
		if form.Get("scope") != scope || form.Get("audience") != audience {
			t.Errorf("%+v: the server was asked for %s", r.Narrowing, form.Encode())
		}
	}
}

// TestNarrowAddsNothing: what the profile does not list is refused, before anything is
// asked or written, whatever else is listed or cached.
func TestNarrowAddsNothing(t *testing.T) {
	for _, c := range []struct {
		request protocol.Request
		says    string
	}{
		{narrowed("admin", ""), "profile demo: scope admin is not one of its scopes: the profile lists write, read"},
		{narrowed("admin read", ""), "scope admin is not"},
		{narrowed("READ", ""), "scope READ is not"},
		{narrowed("", "d"), "audience d is not one of its audiences: the profile lists b, c"},
		{narrowed("read", "A"), "audience A is not"},
		{narrowed("admin", "b"), "scope admin is not"},
	} {
		h := readyAs(t, wide, oauthtest.Options{})
		_, err := h.get(c.request)
		wantError(t, err, protocol.ErrPolicy, c.says, "credhelper edit demo")
		if files, _ := filepath.Glob(h.dirs.Run() + "/*"); len(files) > 0 {
			t.Errorf("%+v: %v", c.request.Narrowing, files)
		}
		h.mustGet(named)
		_, err = h.get(c.request)
		wantError(t, err, protocol.ErrPolicy, c.says)
		if h.server.Count() != 1 {
			t.Errorf("%+v: %d token requests", c.request.Narrowing, h.server.Count())
		}
	}
	h := ready(t, oauthtest.Options{})
	_, err := h.get(narrowed("read", ""))
	wantError(t, err, protocol.ErrPolicy, "scope read is not one of its scopes: the profile lists none")
	_, err = h.get(narrowed("", "b"))
	wantError(t, err, protocol.ErrPolicy, "audience b is not one of its audiences: the profile lists none")
}

// TestNarrowServerIgnores: a server that grants a scope that was left out gives no token;
// nothing is cached, and the whole token is given as before.
func TestNarrowServerIgnores(t *testing.T) {
	h := readyAs(t, wide, oauthtest.Options{})
	if err := h.server.SetQuirks("scope-ignored"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := h.get(narrowed("read", ""))
		wantError(t, err, protocol.ErrPolicy, "granted although it was left out: scope write")
		if h.byFront(narrowed("read", "")) != "" {
			t.Error("the token is cached")
		}
	}
	h.mustGet(named)
	h.mustGet(narrowed("", "b"))
}

// TestNarrowEdited: a profile that no longer lists a scope or an audience gives no token
// for it, neither from the cache nor anew.
func TestNarrowEdited(t *testing.T) {
	h := readyAs(t, wide, oauthtest.Options{})
	both := []protocol.Request{narrowed("write", ""), narrowed("", "b")}
	for _, r := range both {
		h.mustGet(r)
	}
	h.profile("demo", plain+"scopes = [\"read\"]\naudience = \"a\"\naudiences = [\"c\"]\n")
	for _, r := range both {
		if h.byFront(r) != "" {
			t.Errorf("%+v: the front answers", r.Narrowing)
		}
		_, err := h.get(r)
		wantError(t, err, protocol.ErrPolicy, "is not one of its")
	}
}

// TestNarrowRevoked (T16): whatever drops a profile's token drops those of narrowed
// requests as well, and copies of them are worthless.
func TestNarrowRevoked(t *testing.T) {
	for name, drop := range map[string]func(*home, *helper.Helper) error{
		"cache clear NAME": func(_ *home, a *helper.Helper) error { return a.ClearCache(context.Background(), "demo") },
		"cache clear":      func(_ *home, a *helper.Helper) error { return a.ClearCache(context.Background(), "") },
		"lock":             func(_ *home, a *helper.Helper) error { return a.Lock(context.Background()) },
		"logout": func(h *home, a *helper.Helper) error {
			_, _, err := a.SignOut(context.Background(), h.demo())
			return err
		},
		"rotate": func(h *home, _ *helper.Helper) error { h.store("demo", "secret"); return nil },
		"remove": func(_ *home, a *helper.Helper) error { return a.DeleteSecret(context.Background(), "demo") },
	} {
		t.Run(name, func(t *testing.T) {
			h := readyAs(t, wide, oauthtest.Options{})
			for _, r := range parts {
				h.mustGet(r)
			}
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(h.dirs.Run())); err != nil {
				t.Fatal(err)
			}
			if err := drop(h, h.helper()); err != nil {
				t.Fatal(err)
			}
			left, _ := filepath.Glob(h.dirs.Run() + "/t-*")
			if len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if err := os.RemoveAll(h.dirs.Run()); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(h.dirs.Run(), os.DirFS(copied)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(h.dirs.Run(), 0o700); err != nil {
				t.Fatal(err)
			}
			paths, _ := filepath.Glob(h.dirs.Run() + "/*")
			for _, p := range paths {
				if err := os.Chmod(p, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range parts {
				if h.byFront(r) != "" {
					t.Errorf("%+v: the copy is answered", r.Narrowing)
				}
			}
		})
	}
}

// TestNarrowReported: a report of a token drops that one alone, whether the tool repeats
// what it asked for or not; a logout drops all of them.
func TestNarrowReported(t *testing.T) {
	part := narrowed("read", "")
	for name, report := range map[string]func(h *home, token secret.Text){
		"as it was asked": func(h *home, token secret.Text) {
			r := part
			r.Refused.Token = token
			h.forget(r)
		},
		"by its token": func(h *home, token secret.Text) {
			h.forget(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Token: token}})
		},
		"by its mark": func(h *home, token secret.Text) {
			h.forget(protocol.Request{Profile: "demo", Refused: protocol.Refusal{Mark: protocol.Mark(token)}})
		},
		"whichever it is": func(h *home, _ secret.Text) {
			r := part
			r.Refused.Current = true
			h.forget(r)
		},
		"with the next question": func(h *home, token secret.Text) {
			r := part
			r.Refused.Token = token
			h.mustGet(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := readyAs(t, wide, oauthtest.Options{})
			old, whole, other := h.mustGet(part).Secret, h.mustGet(named).Secret, h.mustGet(narrowed("write", "")).Secret
			h.wait(youth)
			report(h, old)
			if h.byFront(part) == old.Reveal() {
				t.Error("it is not dropped")
			}
			if h.byFront(named) != whole.Reveal() || h.byFront(narrowed("write", "")) != other.Reveal() {
				t.Error("another one is dropped")
			}
		})
	}
	for name, whole := range map[string]bool{"logout": true, "logout without the whole token": false} {
		t.Run(name, func(t *testing.T) {
			h := readyAs(t, wide, oauthtest.Options{})
			if whole {
				h.mustGet(named)
			}
			h.mustGet(part)
			h.forget(named) // young: nothing is dropped
			if h.byFront(part) == "" {
				t.Error("a young token is dropped")
			}
			h.wait(youth)
			h.forget(named)
			if h.byFront(named) != "" || h.byFront(part) != "" {
				t.Error("a token is left")
			}
		})
	}
}

// TestNarrowRefusedInVain (A1): what an API refuses to a narrowed token is no matter of
// the whole one, and costs one token request a minute.
func TestNarrowRefusedInVain(t *testing.T) {
	h := readyAs(t, wide, oauthtest.Options{})
	part := narrowed("read", "")
	h.mustGet(named)
	for range 20 {
		if c, err := h.get(part); err == nil {
			part.Refused.Token = c.Secret
		}
	}
	h.blocked(part)
	h.mustGet(named)
	if n := h.server.Count(); n != 2 {
		t.Errorf("%d token requests", n)
	}
}

// TestNarrowWaits (A11, A12): a refusal or a wait holds for every request to the profile,
// so a bad secret is not tried once for each scope. A wrong scope does not: whatever else
// is asked for may be right.
func TestNarrowWaits(t *testing.T) {
	part, other := narrowed("read", "b"), narrowed("write", "")
	for answer, holds := range map[string]bool{
		"error-invalid-client": true, "retry-after-3600": true, "empty-401": true, "empty-403": true, "error-invalid-scope": false, "error-invalid-target": false,
	} {
		for _, first := range []protocol.Request{part, named} {
			t.Run(fmt.Sprintf("%s/%v", answer, first.Narrowing), func(t *testing.T) {
				h := readyAs(t, wide, oauthtest.Options{})
				h.unwaited()
				if err := h.server.Queue(answer); err != nil {
					t.Fatal(err)
				}
				if _, err := h.get(first); err == nil {
					t.Fatal("no error")
				}
				for _, r := range []protocol.Request{named, part, other} {
					if _, err := h.get(r); (err != nil) != holds {
						t.Errorf("%+v: %v", r.Narrowing, err)
					}
				}
				if _, err := h.helper().Test(context.Background(), "demo"); err != nil {
					t.Fatal(err)
				}
				h.mustGet(first)
			})
		}
	}
}

// TestNarrowSignIn (A18): a sign-in is renewed for less (RFC 6749 6); the refresh token
// that comes back is still the whole sign-in's, and logout revokes every token.
func TestNarrowSignIn(t *testing.T) {
	h := newHome(t, oauthtest.Options{Clients: []oauthtest.Client{{ID: "app", Auth: "none"}}})
	h.profile("demo", fmt.Sprintf(`
url = "{server}"
token_url = "{endpoint}"
authorization_url = "{server}/authorize"
revocation_url = "{server}/revoke"
issuer = %q
client_id = "app"
grant = "authorization_code"
client_auth = "none"
scopes = ["read", "write"]
`, h.server.Issuer()))
	h.login()
	for range 3 {
		whole, read := h.mustGet(named).Secret, h.mustGet(narrowed("read", "")).Secret
		if whole.Equal(read) || h.byFront(named) != whole.Reveal() || h.byFront(narrowed("read", "")) != read.Reveal() {
			t.Fatal("one token in the place of the other")
		}
		h.wait(2 * time.Hour)
	}
	for _, r := range h.server.Requests()[1:] {
		form, _ := neturl.ParseQuery(r.Body)
		if scope := form.Get("scope"); form.Get("grant_type") != "refresh_token" || scope != "" && scope != "read" {
			t.Errorf("the server was asked %s", form.Encode())
		}
	}
	h.mustGet(named)
	h.mustGet(narrowed("read", ""))
	h.mustGet(narrowed("write", ""))
	if revoked, problem, err := h.helper().SignOut(t.Context(), h.demo()); err != nil || problem != nil || revoked != 4 {
		t.Errorf("%d revoked, %v, %v", revoked, problem, err)
	}
}

// TestNarrowSubjects: a narrowed token of one subject is never another's.
func TestNarrowSubjects(t *testing.T) {
	h := exchanging(t, `["env", "JOB_TOKEN"]`)
	h.profile("demo", fmt.Sprintf("url = %q\ntoken_url = %q\nclient_id = \"client\"\nclient_auth = \"none\"\ngrant = \"token_exchange\"\nsubject_token = [\"env\", \"JOB_TOKEN\"]\nscopes = [\"read\", \"write\"]\n",
		h.server.URL(), h.server.TokenURL()))
	tokens := map[string]string{}
	for i := range 8 {
		h.env["JOB_TOKEN"] = fmt.Sprintf("subject-%d", i%2)
		for _, r := range []protocol.Request{named, narrowed("read", "")} {
			whose := h.env["JOB_TOKEN"] + r.Scope
			if i > 1 && h.byFront(r) != tokens[whose] {
				t.Fatalf("round %d: the front gives %s another's token", i, whose)
			}
			token := h.mustGet(r).Secret.Reveal()
			if i > 1 && token != tokens[whose] {
				t.Fatalf("round %d: %s got another's token", i, whose)
			}
			tokens[whose] = token
		}
	}
	if len(tokens) != 4 || h.server.Count() != 4 {
		t.Errorf("%d token requests, want 4", h.server.Count())
	}
}

// TestNarrowMany: however many narrowings are asked for, a profile keeps a limited number
// of files, and its whole token.
func TestNarrowMany(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	list := make([]string, 80)
	for i := range list {
		list[i] = fmt.Sprintf("s%d", i)
	}
	h.profile("demo", plain+"scopes = [\""+strings.Join(list, `", "`)+"\"]\n")
	h.store("demo", "secret")
	whole := h.mustGet(named).Secret.Reveal()
	for _, s := range list {
		h.mustGet(narrowed(s, ""))
	}
	files, _ := filepath.Glob(h.dirs.Run() + "/t-*")
	if len(files) != 65 || h.byFront(named) != whole || h.byFront(narrowed("s79", "")) == "" || h.byFront(narrowed("s0", "")) != "" {
		t.Errorf("%d files", len(files))
	}
}

// TestNarrowTogether: of many goroutines of one program that ask for different parts at
// once each gets its own, for one request a part; from memory as well.
func TestNarrowTogether(t *testing.T) {
	h := readyAs(t, wide, oauthtest.Options{})
	a := h.lasting()
	var mu sync.Mutex
	tokens := map[protocol.Narrowing]map[string]bool{}
	var all sync.WaitGroup
	for i := range 80 {
		r := parts[i%len(parts)]
		all.Go(func() {
			c, err := a.Get(context.Background(), r)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if tokens[r.Narrowing] == nil {
				tokens[r.Narrowing] = map[string]bool{}
			}
			tokens[r.Narrowing][c.Secret.Reveal()] = true
		})
	}
	all.Wait()
	if n := h.server.Count(); n != len(parts) {
		t.Errorf("%d token requests, want %d", n, len(parts))
	}
	for _, r := range parts {
		c, ok := a.Cached(r)
		if !ok || len(tokens[r.Narrowing]) != 1 || !tokens[r.Narrowing][c.Secret.Reveal()] {
			t.Errorf("%+v: %d tokens, at hand: %v", r.Narrowing, len(tokens[r.Narrowing]), ok)
		}
	}
}

// TestNarrowWithoutEffect: where a scope or an audience would not reach the token it is
// refused, and the whole token is not given for it.
func TestNarrowWithoutEffect(t *testing.T) {
	const own = plain + "scopes = [\"read\", \"write\"]\naudiences = [\"b\"]\n"
	for _, c := range []struct {
		more   string
		refuse []protocol.Request
	}{
		{"client_auth = \"none\"\ngrant = \"self_signed\"\nassertion = { aud = \"api\" }", []protocol.Request{narrowed("read", ""), narrowed("", "b")}},
		{"client_auth = \"none\"\ngrant = \"self_signed\"\nassertion = { scope_claim = true, aud = \"api\" }", []protocol.Request{narrowed("", "b")}},
		{"client_auth = \"none\"\ngrant = \"jwt_bearer\"\nassertion = { scope_claim = true, from = [\"env\", \"JOB\"] }", []protocol.Request{narrowed("read", "")}},
		{"# given", []protocol.Request{narrowed("read", ""), narrowed("", "b")}},
	} {
		h := newHome(t, oauthtest.Options{})
		h.env["JOB"] = "a.b.c"
		h.profile("demo", own+c.more)
		if c.more == "# given" {
			h.profile("demo", "url = \"{server}\"\ngrant = \"given\"\ntoken = [\"env\", \"JOB\"]\nscopes = [\"read\"]\naudiences = [\"b\"]\n")
		}
		for _, r := range c.refuse {
			_, err := h.get(r)
			wantError(t, err, protocol.ErrPolicy, "cannot be narrowed: it is not sent with grant ")
		}
		if h.server.Count() != 0 {
			t.Errorf("%s: the server was asked", c.more)
		}
	}
}

// TestNarrowLogged: the line of each token says what was asked for, whether it is fetched
// or comes from the cache, and that of the whole token says nothing more.
func TestNarrowLogged(t *testing.T) {
	h := readyAs(t, wide, oauthtest.Options{})
	h.write(h.dirs.Settings(), "keyring = \"file\"\naudit = \"all\"\n")
	for _, r := range []protocol.Request{named, narrowed("read", "b")} {
		h.mustGet(r)
		h.mustGet(r)
	}
	var got []string
	for _, line := range h.log() {
		if line.Event == "fetch" || line.Event == "hit" {
			got = append(got, line.Event+" "+line.Text)
		}
	}
	if want := "fetch , hit , fetch scope read, audience b, hit scope read, audience b"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
