package helper_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// home is a throw-away home with an authorization server and a keyring in memory.
// Each call of helper is like another process: nothing is shared but the disk, the
// keyring and the server.
type home struct {
	t       testing.TB
	dirs    cache.Dirs
	server  *oauthtest.Server
	keyring *memory
	wire    *wire                                      // nil: the machine's own network
	sleep   func(context.Context, time.Duration) error // nil: really

	mu       sync.Mutex
	ahead    time.Duration // of the wall clock
	jumped   time.Duration // as much of it as the boot clock did not see
	stopped  time.Time     // where the clock stands, but for ahead; zero: it goes
	env      map[string]string
	warnings []string
}

func newHome(t testing.TB, options oauthtest.Options) *home {
	t.Helper()
	server := oauthtest.Start(t, options)
	root := filepath.ToSlash(t.TempDir()) // a backslash means something in TOML
	t.Cleanup(func() { removeOpen(root) })
	h := &home{t: t, server: server, keyring: &memory{items: map[string]secret.Text{}}, env: map[string]string{}}
	h.dirs = cache.Dirs{
		Config:  root + "/config",
		Data:    root + "/data",
		State:   root + "/state",
		System:  root + "/etc",
		Runtime: root + "/runtime",
	}
	h.write(h.dirs.Settings(), "keyring = \"file\"\n")
	t.Cleanup(func() { // or the tests would fill the kernel's keyring
		if store, err := cache.Open(h.dirs); err == nil {
			_ = store.ForgetKey(context.Background())
			store.Close()
		}
	})
	return h
}

// removeOpen removes what a Helper of the test may hold open, which Windows before version
// 10 (and Wine) removes when it is closed: a collection of garbage closes it.
func removeOpen(path string) {
	for range 100 {
		_ = os.RemoveAll(path)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || runtime.GOOS != "windows" {
			return
		}
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
}

func (h *home) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.stopped.IsZero() {
		return h.stopped.Add(h.ahead)
	}
	return time.Now().Add(h.ahead)
}

// stop makes time pass by wait alone, for a test of seconds on a busy machine.
func (h *home) stop() { h.mu.Lock(); defer h.mu.Unlock(); h.stopped = time.Now() }

// wait lets time pass for every helper; jump moves the wall clock only.
func (h *home) wait(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.ahead += d }
func (h *home) jump(d time.Duration) { h.wait(d); h.mu.Lock(); defer h.mu.Unlock(); h.jumped += d }

// clock is a machine that started an hour before the test.
func (h *home) clock(now time.Time) cache.Clock {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cache.Clock{Unix: now.Unix(), BootedAt: began.Add(h.jumped - time.Hour).Unix()}
}

var began = time.Now()

func (h *home) config() helper.Config {
	web := oauth.NewHTTPClient
	if h.wire != nil {
		web = h.wire.http
	}
	return helper.Config{
		Dirs:    h.dirs,
		Start:   h.now(),
		Now:     h.now,
		Sleep:   h.sleep,
		Clock:   h.clock,
		Env:     func(name string) string { return h.env[name] },
		HTTP:    web,
		Keyring: func(context.Context, config.Settings) (keyring.Keyring, error) { return h.keyring, nil },
		Report: func(text string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.warnings = append(h.warnings, text)
		},
	}
}

func (h *home) helper() *helper.Helper { return helper.New(h.config()) }

// write puts a file of the user's in place and lets its stamp become old enough
// to be trusted.
func (h *home) write(path, content string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.settle()
}

func (h *home) settle() { time.Sleep(25 * time.Millisecond) }

// profile writes a profile; {server} stands for the server's address, {endpoint} for
// its token endpoint's.
func (h *home) profile(name, content string) {
	h.t.Helper()
	h.write(h.dirs.Profiles()+"/"+name+".toml", h.fill(content))
}

func (h *home) fill(s string) string {
	return strings.NewReplacer("{server}", h.server.URL(), "{endpoint}", h.server.TokenURL()).Replace(s)
}

// plain is a profile of the server's one client.
const plain = `
client_id = "client"
url       = "{server}"
token_url = "{endpoint}"
`

// ready is a home whose profile "demo" has its secret.
func ready(t testing.TB, options oauthtest.Options) *home {
	t.Helper()
	return readyAs(t, plain, options)
}

// readyAs is a home whose profile "demo" is this one, and has its secret.
func readyAs(t testing.TB, profile string, options oauthtest.Options) *home {
	t.Helper()
	h := newHome(t, options)
	h.profile("demo", profile)
	h.store("demo", "secret")
	return h
}

func (h *home) store(name, value string) {
	h.t.Helper()
	a := h.helper()
	p, err := a.Profile(name)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := a.StoreSecret(context.Background(), p, secret.New(value), time.Time{}); err != nil {
		h.t.Fatal(err)
	}
}

// front opens the sealed files, as the front does.
func (h *home) front() *cache.Store {
	h.t.Helper()
	store, err := cache.Open(h.dirs)
	if err != nil {
		h.t.Fatal(err)
	}
	return store
}

// get asks as one process would.
func (h *home) get(r protocol.Request) (protocol.Credential, error) {
	r.Verb = protocol.Get
	return h.helper().Get(context.Background(), r)
}

func (h *home) mustGet(r protocol.Request) protocol.Credential {
	h.t.Helper()
	c, err := h.get(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// named asks for the profile "demo".
var named = protocol.Request{Profile: "demo"}

func url(t testing.TB, s string) origin.URL {
	t.Helper()
	u, reason := origin.ParseURL(s)
	if reason != origin.Release {
		t.Fatalf("%s: %s", s, reason)
	}
	return u
}

// wantError checks the meaning of an error, that its text has all parts, and that
// it is one line without the secret.
func wantError(t testing.TB, err error, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v (exit %d); want %q", err, protocol.ExitCode(err), kind)
	}
	text := filepath.ToSlash(err.Error()) // its paths, on Windows
	if known := new(protocol.Error); errors.As(err, &known) {
		text += "\x00" + known.Hint
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error %q lacks %q", text, part)
		}
	}
	if strings.ContainsAny(text, "\n\r\x1b") || strings.Contains(text, canary) {
		t.Errorf("error %q: not one clean line", text)
	}
}

// canary is a secret that must never show up.
const canary = "c4n4ry-s3cr3t"

// memory is a keyring in memory that can be told to fail.
type memory struct {
	mu    sync.Mutex
	items map[string]secret.Text
	fails error
	slow  time.Duration
	gets  int

	setFails error  // storing fails, reading does not
	after    func() // called once, after a Get
}

func (m *memory) act(ctx context.Context) error {
	m.mu.Lock()
	slow := m.slow
	m.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow) // whatever the context says, as a hung desktop would
	}
	m.mu.Lock()
	if m.fails != nil {
		return fmt.Errorf("keyring in memory: %w", m.fails)
	}
	return ctx.Err()
}

func (m *memory) Get(ctx context.Context, key string) (secret.Text, error) {
	err := m.act(ctx)
	if after := m.after; after != nil {
		m.after = nil
		defer after()
	}
	defer m.mu.Unlock()
	m.gets++
	if err != nil {
		return secret.Text{}, err
	}
	value, found := m.items[key]
	if !found {
		return secret.Text{}, keyring.ErrNotFound
	}
	return value, nil
}

func (m *memory) Set(ctx context.Context, key string, value secret.Text) error {
	err := m.act(ctx)
	defer m.mu.Unlock()
	if err == nil {
		err = m.setFails
	}
	if err == nil {
		err = keyring.CheckSet(key, value)
	}
	if err == nil {
		m.items[key] = value
	}
	return err
}

func (m *memory) Delete(ctx context.Context, key string) error {
	err := m.act(ctx)
	defer m.mu.Unlock()
	if err == nil {
		delete(m.items, key)
	}
	return err
}

func (m *memory) Names(ctx context.Context) ([]string, error) {
	err := m.act(ctx)
	defer m.mu.Unlock()
	var names []string
	for name := range m.items {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, err
}

func newHelper(c helper.Config) *helper.Helper { return helper.New(c) }
