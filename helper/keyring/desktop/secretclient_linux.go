package desktop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	library "github.com/99designs/keyring"
	"github.com/godbus/dbus"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/keyring/desktop/busguard"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// secretClient speaks with the Secret Service for one call of a keyring.
type secretClient struct {
	ctx        context.Context
	bus        *dbus.Conn
	end        func() bool
	session    dbus.ObjectPath // once it is needed
	collection dbus.ObjectPath // the default one, after unlocked
}

const (
	serviceName = "org.freedesktop.secrets"
	servicePath = dbus.ObjectPath("/org/freedesktop/secrets")
	secretAPI   = "org.freedesktop.Secret."
	nothing     = dbus.ObjectPath("/") // where the API has no object to name
)

// promptTime is the time limit of a prompt. Prompts for a person are never started,
// only those that the API requires for steps without a question (KeePassXC creates each
// item so). It leaves time to clean up before Limit.
const promptTime = 2 * time.Second

// newSecretClient connects to the bus that answered when the process started.
func newSecretClient(ctx context.Context) (*secretClient, error) {
	deadline, _ := ctx.Deadline()
	conn, err := busguard.Dial(deadline)
	if err != nil {
		return nil, err
	}
	bus, err := dbus.NewConn(&boundedConn{conn, longestTalk})
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &secretClient{ctx: ctx, bus: bus, end: context.AfterFunc(ctx, func() { bus.Close() })}
	if err := errors.Join(bus.Auth(nil), bus.Hello()); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// longestTalk is the most that a bus may say to a client, in bytes: about the names of
// thirty thousand items. The library reads what a bus sends as fast as it comes.
const longestTalk = 16 << 20

// boundedConn is a connection from which no more than left bytes are read.
type boundedConn struct {
	net.Conn
	left int
}

func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("the session bus says too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (c *secretClient) close() {
	if c.end() {
		c.bus.Close()
	}
}

// call calls a method of the API, "Item.Delete" for instance, and stores its answers.
func (c *secretClient) call(path dbus.ObjectPath, method string, args []any, answers ...any) error {
	return c.bus.Object(serviceName, path).CallWithContext(c.ctx, secretAPI+method, 0, args...).Store(answers...)
}

// property reads a property of the API, "Collection.Locked" for instance.
func (c *secretClient) property(path dbus.ObjectPath, name string, value any) error {
	kind, name, _ := strings.Cut(name, ".")
	var answer dbus.Variant
	err := c.bus.Object(serviceName, path).
		CallWithContext(c.ctx, "org.freedesktop.DBus.Properties.Get", 0, secretAPI+kind, name).Store(&answer)
	if err != nil {
		return err
	}
	return dbus.Store([]any{answer.Value()}, value)
}

// unlocked finds the default collection, and is nil if it is unlocked. It never
// leads to a prompt.
func (c *secretClient) unlocked() error {
	err := c.call(servicePath, "Service.ReadAlias", []any{"default"}, &c.collection)
	if err != nil {
		return err
	}
	if c.collection == nothing { // gnome-keyring before a default was chosen
		c.collection = servicePath + "/collection/login"
		var all []dbus.ObjectPath
		if err := c.property(servicePath, "Service.Collections", &all); err != nil {
			return err
		}
		if !slices.Contains(all, c.collection) {
			return fmt.Errorf("%w: the Secret Service has no default collection: open or make one in its program", keyring.ErrUnavailable)
		}
	}
	var locked bool
	if err := c.property(c.collection, "Collection.Locked", &locked); err != nil {
		return err
	}
	if locked && c.enterWallet() {
		if err := c.property(c.collection, "Collection.Locked", &locked); err != nil {
			return err
		}
	}
	if locked {
		return fmt.Errorf("%w: unlock the desktop's keyring %q (sign in, or open its program)", keyring.ErrLocked, c.name())
	}
	return nil
}

// name returns the default collection's name for people.
func (c *secretClient) name() string {
	var label string
	if c.property(c.collection, "Collection.Label", &label) != nil || label == "" {
		label = string(c.collection)
	}
	return printable.Value(label)
}

// items finds the items under key if the default collection is unlocked, those that it
// holds first: the default may have changed since they were created.
func (c *secretClient) items(key string) ([]dbus.ObjectPath, error) {
	if err := c.unlocked(); err != nil {
		return nil, err
	}
	var open, locked []dbus.ObjectPath
	if err := c.call(servicePath, "Service.SearchItems", []any{map[string]string{itemKey: key}}, &open, &locked); err != nil {
		return nil, err
	}
	if len(open) == 0 && len(locked) > 0 {
		return nil, fmt.Errorf("%w: the desktop's keyring asks a person before it gives this secret: "+
			"unlock it, or let its program give secrets without asking", keyring.ErrLocked)
	}
	slices.SortFunc(open, func(a, b dbus.ObjectPath) int {
		if mine, others := c.holds(a), c.holds(b); mine != others {
			return map[bool]int{true: -1, false: 1}[mine]
		}
		return strings.Compare(string(a), string(b))
	})
	return open, nil
}

func (c *secretClient) holds(item dbus.ObjectPath) bool {
	return strings.HasPrefix(string(item), string(c.collection)+"/")
}

// names lists the keys of all unlocked collections.
func (c *secretClient) names() (names []string, err error) {
	var collections []dbus.ObjectPath
	if err := c.property(servicePath, "Service.Collections", &collections); err != nil {
		return nil, err
	}
	for _, collection := range collections {
		var locked bool
		var items []dbus.ObjectPath
		err := c.property(collection, "Collection.Locked", &locked)
		if err == nil && !locked {
			err = c.property(collection, "Collection.Items", &items)
		}
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			var attributes map[string]string
			if err := c.property(item, "Item.Attributes", &attributes); err == nil { // else it is gone by now
				names = append(names, attributes[itemKey])
			}
		}
	}
	return names, nil
}

// wireSecret is the API's Secret; in a "plain" session there are no parameters.
type wireSecret struct {
	Session    dbus.ObjectPath
	Parameters []byte
	Value      []byte
	Type       string
}

// open opens the session that secrets are passed in, once.
func (c *secretClient) open() error {
	if c.session != "" {
		return nil
	}
	var none dbus.Variant
	return c.call(servicePath, "Service.OpenSession", []any{"plain", dbus.MakeVariant("")}, &none, &c.session)
}

// get returns the secret under key, or ErrNotFound.
func (c *secretClient) get(key string) (secret.Text, error) {
	items, err := c.items(key)
	switch {
	case err != nil:
		return secret.Text{}, err
	case len(items) == 0:
		return secret.Text{}, keyring.ErrNotFound
	}
	return c.read(items[0], key)
}

func (c *secretClient) read(item dbus.ObjectPath, key string) (secret.Text, error) {
	if err := c.open(); err != nil {
		return secret.Text{}, err
	}
	var sealed wireSecret
	if err := c.call(item, "Item.GetSecret", []any{c.session}, &sealed); err != nil {
		return secret.Text{}, err
	}
	var stored library.Item
	// The error would quote the data.
	if json.Unmarshal(sealed.Value, &stored) != nil || stored.Key != key || len(stored.Data) == 0 {
		return secret.Text{}, fmt.Errorf("%w: what is stored under this key was not written by credhelper", keyring.ErrDamaged)
	}
	return secret.New(string(stored.Data)), nil
}

func (c *secretClient) write(item dbus.ObjectPath, value []byte) error {
	if err := c.open(); err != nil {
		return err
	}
	return c.call(item, "Item.SetSecret", []any{wireSecret{c.session, []byte{}, value, "application/json"}})
}

func (c *secretClient) create(key string, value []byte) error {
	if err := c.open(); err != nil {
		return err
	}
	properties := map[string]dbus.Variant{
		secretAPI + "Item.Label":      dbus.MakeVariant(key),
		secretAPI + "Item.Attributes": dbus.MakeVariant(map[string]string{itemKey: key}),
	}
	var item, prompt dbus.ObjectPath
	err := c.call(c.collection, "Collection.CreateItem",
		[]any{properties, wireSecret{c.session, []byte{}, value, "application/json"}, true}, &item, &prompt)
	if err != nil {
		return err
	}
	return c.finish(prompt)
}

func (c *secretClient) remove(item dbus.ObjectPath) error {
	var prompt dbus.ObjectPath
	if err := c.call(item, "Item.Delete", nil, &prompt); err != nil {
		return err
	}
	return c.finish(prompt)
}

// discard takes back an item that could not be made as it should be. What failed is
// the news, so its own errors are not.
func (c *secretClient) discard(key string) {
	items, _ := c.items(key)
	for _, item := range items {
		_ = c.remove(item)
	}
}

// finish ends a call that the service answered with a prompt. It is started only while
// the collection is unlocked, where a service has nothing to ask or is told not to.
func (c *secretClient) finish(prompt dbus.ObjectPath) error {
	if prompt == nothing || prompt == "" {
		return nil
	}
	if err := c.unlocked(); err != nil {
		_ = c.call(prompt, "Prompt.Dismiss", nil)
		return err
	}
	return c.await(prompt)
}

// await starts a prompt, and dismisses it after promptTime.
func (c *secretClient) await(prompt dbus.ObjectPath) error {
	// A service may send the signal to all (KeePassXC), which only a rule brings here.
	if err := c.bus.AddMatchSignal(dbus.WithMatchObjectPath(prompt), dbus.WithMatchInterface(secretAPI+"Prompt")); err != nil {
		return err
	}
	signals := make(chan *dbus.Signal, 8)
	c.bus.Signal(signals)
	defer c.bus.RemoveSignal(signals)
	if err := c.call(prompt, "Prompt.Prompt", []any{""}); err != nil {
		return err
	}
	late := time.NewTimer(promptTime)
	defer late.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return c.ctx.Err()
		case <-late.C:
			_ = c.call(prompt, "Prompt.Dismiss", nil)
			return errAsked
		case signal, open := <-signals:
			if !open {
				return errors.New("the bus closed the connection")
			}
			if signal.Path != prompt || signal.Name != secretAPI+"Prompt.Completed" {
				continue
			}
			var dismissed bool
			if len(signal.Body) > 0 {
				dismissed, _ = signal.Body[0].(bool)
			}
			if dismissed {
				return errAsked
			}
			return nil
		}
	}
}

// errAsked: a person would have had to answer.
var errAsked = fmt.Errorf("%w: the desktop's keyring asks a person: turn that off in its program, or keep secrets elsewhere: credhelper keyring use file", keyring.ErrLocked)
