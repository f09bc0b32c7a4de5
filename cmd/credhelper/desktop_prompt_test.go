//go:build linux && realkeyring

package main_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus"

	"github.com/credhelper/credhelper/helper/keyring/keyringtest"
)

// A Secret Service may answer any call with a prompt, an object that the caller
// starts and that says when a person is done. KeePassXC asks before each secret
// that it gives, and a keyring may be locked again at any moment.

// prompting is a Secret Service with one unlocked collection, in the words of the
// Secret Service API 0.2, of which one kind of call ends in a prompt that nobody
// answers.
type prompting struct {
	on string // the call that asks: "CreateItem", "Delete" or "Unlock"; "" for none

	mu      sync.Mutex
	items   map[dbus.ObjectPath]storedItem
	prompts int
}

type storedItem struct {
	profile string
	secret  wireSecret
}

// wireSecret is the API's Secret.
type wireSecret struct {
	Session    dbus.ObjectPath
	Parameters []byte
	Value      []byte
	Type       string
}

const (
	secretsRoot   = "/org/freedesktop/secrets"
	secretsLogin  = secretsRoot + "/collection/login"
	secretsPrompt = dbus.ObjectPath(secretsRoot + "/prompt/1")
	secretsName   = "org.freedesktop.Secret."
	noPrompt      = dbus.ObjectPath("/")
)

// startPrompting puts the service on a bus of its own.
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
		"SearchItems": func(attributes map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
			return p.find(attributes["profile"]), nil
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

func (p *prompting) createItem(properties map[string]dbus.Variant, secret wireSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if p.on == "CreateItem" {
		return noPrompt, secretsPrompt, nil
	}
	attributes := properties[secretsName+"Item.Attributes"].Value().(map[string]string)
	p.mu.Lock()
	defer p.mu.Unlock()
	path := dbus.ObjectPath(secretsLogin + "/" + strings.ReplaceAll(attributes["profile"], "-", "_"))
	p.items[path] = storedItem{attributes["profile"], secret}
	return path, noPrompt, nil
}

func (p *prompting) delete(m dbus.Message) (dbus.ObjectPath, *dbus.Error) {
	if p.on == "Delete" {
		return secretsPrompt, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.items, path(m))
	return noPrompt, nil
}

// get answers for the properties that a client reads. Where unlocking asks, the
// items are locked, though the collection is not, as in KeePassXC.
func (p *prompting) get(m dbus.Message, kind, name string) (dbus.Variant, *dbus.Error) {
	switch strings.TrimPrefix(kind, secretsName) + "." + name {
	case "Service.Collections":
		return dbus.MakeVariant([]dbus.ObjectPath{secretsLogin}), nil
	case "Collection.Locked":
		return dbus.MakeVariant(false), nil
	case "Collection.Items":
		return dbus.MakeVariant(append([]dbus.ObjectPath{}, p.find("")...)), nil
	case "Item.Locked":
		return dbus.MakeVariant(p.on == "Unlock"), nil
	case "Item.Label":
		p.mu.Lock()
		defer p.mu.Unlock()
		return dbus.MakeVariant(p.items[path(m)].profile), nil
	}
	return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
}

// asked returns how many prompts were shown, and forgets them.
func (p *prompting) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.prompts
	p.prompts = 0
	return n
}

// TestDesktopKeyringPrompts: a prompt that nobody answers is exit 5 in time, and
// leaves what was there before.
func TestDesktopKeyringPrompts(t *testing.T) {
	service, bus := startPrompting(t)
	server, h := newServer(t), desktopHome(t, bus.Env)
	service.on = "CreateItem"
	callWithin(t, h, 5, secretA, addArgs(server)...)
	if service.asked() == 0 {
		t.Error("add: no prompt was started: the test is blind")
	}
	untouched(t, h)
	service.on = ""
	callWithin(t, h, 0, secretA, addArgs(server)...)
	callWithin(t, h, 0, "", "cache", "clear")
	for _, c := range []struct {
		on   string
		args []string
	}{
		{"Unlock", []string{"token", "jama"}},
		{"CreateItem", []string{"rotate", "jama", "--secret-stdin"}},
		{"Delete", []string{"remove", "jama", "--yes"}},
	} {
		service.on = c.on
		callWithin(t, h, 5, secretB, c.args...)
		if service.asked() == 0 {
			t.Errorf("%v: no prompt was started: the test is blind", c.args)
		}
	}
	service.on = ""
	callWithin(t, h, 0, "", "token", "jama")
	if got := server.lastSecret(); got != secretA {
		t.Errorf("the secret is %q now", got)
	}
}
