//go:build linux

package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus"

	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
	"github.com/credhelper/credhelper/internal/program"
)

// A Secret Service may answer any call with a prompt: an object that the caller starts and
// that reports when a person is done. KeePassXC prompts before each secret that it gives,
// and a keyring may be locked again at any moment.

// prompting is a Secret Service (API 0.2) with one unlocked collection. One kind of call
// leads to a prompt that nobody answers.
type prompting struct {
	mu        sync.Mutex
	on        string // see promptOn
	items     map[dbus.ObjectPath]storedItem
	prompts   int
	dismissed int
}

type storedItem struct {
	profile string
	secret  wireSecret
	maker   dbus.Sender
}

// wireSecret is the Secret struct of the API.
type wireSecret struct {
	Session    dbus.ObjectPath
	Parameters []byte
	Value      []byte
	Type       string
}

const (
	secretsRoot   = "/org/freedesktop/secrets"
	secretsHere   = secretsRoot + "/collection/my_20vault"
	secretsPrompt = dbus.ObjectPath(secretsRoot + "/prompt/1")
	secretsName   = "org.freedesktop.Secret."
	noPrompt      = dbus.ObjectPath("/")
)

// startPrompting starts the service on a bus of its own.
func startPrompting(t *testing.T) (*prompting, *keyringtest.Session) {
	t.Helper()
	bus, err := keyringtest.StartBus(t.TempDir(), os.Getenv("PATH"))
	if err != nil {
		t.Fatal("no bus (package dbus): ", err)
	}
	t.Cleanup(bus.Close)
	conn, err := dbus.Dial(bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &prompting{items: map[dbus.ObjectPath]storedItem{}}
	for _, err := range []error{conn.Auth(nil), conn.Hello(), p.export(conn)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return p, bus
}

func (p *prompting) export(conn *dbus.Conn) error {
	for _, kind := range []string{"Service", "Collection", "Item", "Prompt"} {
		if err := conn.ExportSubtreeMethodTable(p.methods(), secretsRoot, secretsName+kind); err != nil {
			return err
		}
	}
	if err := conn.ExportSubtreeMethodTable(map[string]any{"Get": p.get}, secretsRoot, "org.freedesktop.DBus.Properties"); err != nil {
		return err
	}
	_, err := conn.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue)
	return err
}

func (p *prompting) methods() map[string]any {
	return map[string]any{
		"OpenSession": func(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
			return dbus.MakeVariant(""), secretsRoot + "/session/1", nil
		},
		"ReadAlias":   func(string) (dbus.ObjectPath, *dbus.Error) { return secretsHere, nil },
		"SearchItems": p.searchItems,
		"SetSecret":   p.setSecret,
		"Dismiss": func() *dbus.Error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.dismissed++
			return nil
		},
		"Unlock": func([]dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
			return nil, secretsPrompt, nil
		},
		"CreateItem": p.createItem,
		"GetSecret": func(m dbus.Message, _ dbus.ObjectPath) (wireSecret, *dbus.Error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.items[path(m)].secret, nil
		},
		"Delete": p.delete,
		"Prompt": func(string) *dbus.Error { // a window that nobody sees
			p.mu.Lock()
			defer p.mu.Unlock()
			p.prompts++
			return nil
		},
	}
}

// promptOn sets what the service answers by a prompt: CreateItem, Delete, or Access, which
// is reading an item that another client made. Empty: nothing.
func (p *prompting) promptOn(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = what
}

func (p *prompting) promptsOn(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on == what
}

func path(m dbus.Message) dbus.ObjectPath {
	return m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
}

func (p *prompting) find(profile string) (found []dbus.ObjectPath) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for path, item := range p.items {
		if profile == "" || item.profile == profile {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return found
}

// searchItems reports the items of other clients as locked if access prompts.
func (p *prompting) searchItems(sender dbus.Sender, attributes map[string]string) (open, locked []dbus.ObjectPath, _ *dbus.Error) {
	open, locked = []dbus.ObjectPath{}, []dbus.ObjectPath{}
	for _, path := range p.find(attributes["profile"]) {
		p.mu.Lock()
		foreign := p.items[path].maker != sender
		p.mu.Unlock()
		if foreign && p.promptsOn("Access") {
			locked = append(locked, path)
		} else {
			open = append(open, path)
		}
	}
	return open, locked, nil
}

func (p *prompting) createItem(sender dbus.Sender, properties map[string]dbus.Variant, secret wireSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if p.promptsOn("CreateItem") {
		return noPrompt, secretsPrompt, nil
	}
	attributes := properties[secretsName+"Item.Attributes"].Value().(map[string]string)
	p.mu.Lock()
	defer p.mu.Unlock()
	path := dbus.ObjectPath(secretsHere + "/" + strings.ReplaceAll(attributes["profile"], "-", "_"))
	p.items[path] = storedItem{attributes["profile"], secret, sender}
	return path, noPrompt, nil
}

func (p *prompting) setSecret(m dbus.Message, secret wireSecret) *dbus.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	item := p.items[path(m)]
	item.secret = secret
	p.items[path(m)] = item
	return nil
}

func (p *prompting) delete(m dbus.Message) (dbus.ObjectPath, *dbus.Error) {
	if p.promptsOn("Delete") {
		return secretsPrompt, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.items, path(m))
	return noPrompt, nil
}

// get returns the properties that a client reads.
func (p *prompting) get(m dbus.Message, kind, name string) (dbus.Variant, *dbus.Error) {
	switch strings.TrimPrefix(kind, secretsName) + "." + name {
	case "Service.Collections":
		return dbus.MakeVariant([]dbus.ObjectPath{secretsHere}), nil
	case "Collection.Label":
		return dbus.MakeVariant("my vault"), nil
	case "Collection.Locked":
		return dbus.MakeVariant(false), nil
	case "Collection.Items":
		return dbus.MakeVariant(append([]dbus.ObjectPath{}, p.find("")...)), nil
	case "Item.Attributes":
		p.mu.Lock()
		defer p.mu.Unlock()
		return dbus.MakeVariant(map[string]string{"profile": p.items[path(m)].profile}), nil
	}
	return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
}

// asked returns how many prompts were shown, and resets the count. Each must have been
// dismissed, so that no window is left on the screen.
func (p *prompting) asked(t *testing.T) int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dismissed < p.prompts {
		t.Errorf("%d of %d prompts were dismissed", p.dismissed, p.prompts)
	}
	n := p.prompts
	p.prompts, p.dismissed = 0, 0
	return n
}

// TestDesktopKeyringPrompts: a prompt that nobody answers ends with exit 5, and what was
// stored before stays. Reading and changing a secret start no prompt.
func TestDesktopKeyringPrompts(t *testing.T) {
	service, bus := startPrompting(t)
	server, h := newServer(t), desktopHome(t, bus.Env)
	service.promptOn("CreateItem")
	exits(t, h, 5, secretA, addArgs(server)...)
	if service.asked(t) == 0 {
		t.Error("add: no prompt was started: the test is blind")
	}
	untouched(t, h)
	service.promptOn("")
	exits(t, h, 0, secretA, addArgs(server)...)
	exits(t, h, 0, "", "cache", "clear")
	for _, c := range []struct {
		on     string
		prompt bool
		args   []string
	}{
		{"Access", false, []string{"token", "jama"}},
		{"Access", false, []string{"rotate", "jama", "--secret-stdin"}},
		{"Delete", true, []string{"remove", "jama", "--yes"}},
	} {
		service.promptOn(c.on)
		exits(t, h, 5, secretB, c.args...)
		if asked := service.asked(t) > 0; asked != c.prompt {
			t.Errorf("%v: a prompt was started: %v, want %v", c.args, asked, c.prompt)
		}
	}
	service.promptOn("CreateItem")
	exits(t, h, 0, secretB, "rotate", "jama", "--secret-stdin")
	service.promptOn("")
	exits(t, h, 0, "", "token", "jama", "--refresh")
	if got := server.lastSecret(); got != secretB {
		t.Errorf("the secret is %q now", got)
	}
}

// TestDesktopKeyringForAnother: a secret that only the process that stored it could read is
// not stored at all.
func TestDesktopKeyringForAnother(t *testing.T) {
	service, bus := startPrompting(t)
	server, h := newServer(t), desktopHome(t, bus.Env)
	service.promptOn("Access")
	if r := exits(t, h, 5, secretA, addArgs(server)...); !strings.Contains(r.stderr, "without asking") {
		t.Errorf("add does not say what to do: %s", r.stderr)
	}
	untouched(t, h)
	if left := service.find(""); len(left) > 0 {
		t.Errorf("a failed add left %v", left)
	}
}

// desktopHome returns an empty home of a user of that desktop.
func desktopHome(t *testing.T, env []string) *program.Home {
	t.Helper()
	h := program.EmptyTestHome(t, bin)
	h.Env = append(env, "CREDHELPER_HOME="+h.Dir, "CREDHELPER_ETC=none", "CI=1")
	return h
}

// exits runs credhelper with a text on stdin, and fails unless it exits with the code.
// If it reached its own limit of 8 s, that would be another code.
func exits(t *testing.T, h *program.Home, code int, stdin string, args ...string) result {
	t.Helper()
	cmd := h.Command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	r := finish(t, cmd)
	if r.code != code {
		t.Fatalf("%s: exit %d, want %d: %s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	quiet(t, strings.Join(args, " "), r)
	return r
}

// addArgs adds the profile jama at the server; its secret is on stdin.
func addArgs(s *server) []string {
	return []string{"add", "jama", "--preset", "oauth2", "--set", "origins=https://api.example.com",
		"--set", "token_url=" + s.URL + "/token", "--client-id", "client", "--secret-stdin"}
}

// untouched fails if a home has a profile, a chosen keyring or a secret.
func untouched(t *testing.T, h *program.Home) {
	t.Helper()
	for _, place := range []string{h.Dirs.Profiles() + "/*", filepath.Join(h.Dirs.Config, "config.toml"), h.Dirs.Keyring() + "/*"} {
		if left, _ := filepath.Glob(place); left != nil {
			t.Errorf("this is left: %v", left)
		}
	}
}
