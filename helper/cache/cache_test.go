package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

const canary = "t0k-canary-0123456789.abcdefghijklmnop"

// home makes an empty home whose directories lie below a fresh one of ours.
func home(t testing.TB) Dirs {
	t.Helper()
	root := t.TempDir()
	dirs, err := FindDirs(func(name string) string {
		return map[string]string{"CREDHELPER_HOME": root, "CREDHELPER_ETC": "none"}[name] // nothing of this machine
	}, os.Getuid())
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func store(t testing.TB, dirs Dirs) *Store {
	t.Helper()
	s, err := Create(dirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.ForgetKey(context.Background())
		s.Close()
	})
	return s
}

func entry(profile string) *Entry {
	now := time.Now().Unix()
	return &Entry{
		Profile: profile, Token: secret.New(canary), Scheme: "Bearer", Username: "oauth2",
		Origins: []string{"https://api.example.com", "https://*.cdn.example.com"},
		Issued:  now, Expires: now + 3600, Refresh: RefreshTime(now, now+3600),
		Binding: [32]byte{1, 2, 3}, BaseURL: "https://api.example.com/base",
	}
}

func put(t testing.TB, s *Store, e *Entry) {
	t.Helper()
	lock, err := s.Lock(context.Background(), e.Profile)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err := s.Put(context.Background(), lock, e); err != nil {
		t.Fatal(err)
	}
}

// TestPutGet: what was sealed comes back whole, to its own profile alone.
func TestPutGet(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	want := entry("jama")
	stamp, _ := TakeStamp(t.TempDir(), time.Now().Add(time.Second))
	want.Stamps = []Stamp{stamp}
	put(t, s, want)
	got, err := s.Get(Whole("jama"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Token.Reveal() != canary || got.Expires != want.Expires || got.Origins[1] != want.Origins[1] ||
		got.Binding != want.Binding || got.Username != "oauth2" || got.BaseURL != want.BaseURL || got.Stamps[0] != stamp {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !got.Current() {
		t.Error("nothing changed, yet the entry is not current")
	}
	if _, err := s.Get(Whole("other"), nil); !errors.Is(err, ErrMiss) {
		t.Errorf("another profile: %v", err)
	}
}

// TestNothingInClear (T1, T8): neither token nor origins stand in any file.
func TestNothingInClear(t *testing.T) {
	dirs := home(t)
	put(t, store(t, dirs), entry("jama"))
	files := 0
	err := filepath.WalkDir(dirs.State, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		for _, form := range []string{canary, canary[:10], hex.EncodeToString([]byte(canary)), "api.example.com"} {
			if strings.Contains(string(content), form) {
				t.Errorf("%s holds %q", path, form)
			}
		}
		return err
	})
	if err != nil || files < 2 {
		t.Fatalf("%d files, %v: the test is blind", files, err)
	}
}

// TestEveryByte (T15, F13): whichever byte of an entry is changed, and
// wherever it is cut, it is a miss and the next Put heals it.
func TestEveryByte(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	e := entry("jama")
	put(t, s, e)
	path := filepath.Join(dirs.Run(), ProfileKey("jama").file('t'))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x01
		writeFile(t, path, bad)
		if _, err := s.Get(Whole("jama"), nil); !errors.Is(err, ErrMiss) {
			t.Fatalf("byte %d flipped: %v, want a miss", i, err)
		}
		writeFile(t, path, good[:i])
		if _, err := s.Get(Whole("jama"), nil); !errors.Is(err, ErrMiss) {
			t.Fatalf("cut at byte %d: %v, want a miss", i, err)
		}
	}
	writeFile(t, path, append(append([]byte(nil), good...), 0))
	if _, err := s.Get(Whole("jama"), nil); !errors.Is(err, ErrMiss) {
		t.Fatal("one byte more is not a miss")
	}
	put(t, s, e)
	if _, err := s.Get(Whole("jama"), nil); err != nil {
		t.Fatalf("not healed: %v", err)
	}
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestForeignEntry (T15): another profile's entry under this one's name, and
// another home's entry, are misses.
func TestForeignEntry(t *testing.T) {
	dirs, other := home(t), home(t)
	s, s2 := store(t, dirs), store(t, other)
	put(t, s, entry("a"))
	put(t, s, entry("b"))
	put(t, s2, entry("a"))
	a := filepath.Join(dirs.Run(), ProfileKey("a").file('t'))
	for _, from := range []string{
		filepath.Join(dirs.Run(), ProfileKey("b").file('t')),
		filepath.Join(other.Run(), ProfileKey("a").file('t')),
	} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, a, content)
		if _, err := s.Get(Whole("a"), nil); !errors.Is(err, ErrMiss) {
			t.Errorf("entry of %s: %v, want a miss", from, err)
		}
	}
}

// TestRestoredAfterRevoke (T16): a copy made before a sign-out counts for nothing.
func TestRestoredAfterRevoke(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	put(t, s, entry("jama"))
	path := filepath.Join(dirs.Run(), ProfileKey("jama").file('t'))
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := s.Lock(context.Background(), "jama")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Revoke(lock, "jama"); err != nil {
		t.Fatal(err)
	}
	lock.Unlock()
	writeFile(t, path, kept)
	if _, err := s.Get(Whole("jama"), nil); !errors.Is(err, ErrMiss) {
		t.Errorf("restored entry: %v, want a miss", err)
	}
}

// TestForgetKey: after it nothing opens, and another home is untouched.
func TestForgetKey(t *testing.T) {
	s, other := store(t, home(t)), store(t, home(t))
	put(t, s, entry("jama"))
	put(t, other, entry("jama"))
	if err := s.ForgetKey(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(Whole("jama"), nil); !errors.Is(err, ErrMiss) {
		t.Errorf("after ForgetKey: %v, want a miss", err)
	}
	if _, err := other.Get(Whole("jama"), nil); err != nil {
		t.Errorf("the other home lost its key: %v", err)
	}
	put(t, s, entry("jama"))
	if _, err := s.Get(Whole("jama"), nil); err != nil {
		t.Errorf("a new key was not made: %v", err)
	}
}

// TestKeyOf holds the hash golden: another one would orphan every cache.
func TestKeyOf(t *testing.T) {
	for _, c := range []struct {
		key  Key
		want string
	}{
		{ProfileKey("jama"), "e8fd806ab226555aaab5a4be0e071310"},
		{RouteKey("api.example.com"), "32dd759f9e1dbe59057e96e432fe9dec"},
		{KeyOf("k", "ab", "c"), "79b936ace92c98705bd88d0bb0f9227f"},
		{KeyOf("k", "a", "bc"), "8d5f38330a352d6e1d1c0b9d409e4868"},
	} {
		if got := c.key.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestLifetimes (A20): the refresh margin and the least life left.
func TestLifetimes(t *testing.T) {
	for _, c := range []struct {
		life, at int64 // seconds; age of the token
		minTTL   int64
		usable   bool
		fresh    bool
	}{
		{3600, 0, 0, true, true},
		{3600, 3299, 0, true, true},
		{3600, 3300, 0, true, false}, // 5 minutes before the end
		{3600, 3570, 0, true, false},
		{3600, 3571, 0, false, false}, // under 30 s left
		{3600, 3600, 0, false, false},
		{3600, 1801, 1800, false, false}, // the caller needs half an hour
		{600, 539, 0, true, true},
		{600, 540, 0, true, false}, // a tenth
		{100, 69, 0, true, true},
		{100, 70, 0, true, false}, // at least 30 s before the end
		{60, 53, 0, true, true},
		{60, 54, 0, true, false}, // a life under a minute: nine tenths
		{3, 2, 0, true, true},
		{3, 3, 0, false, false},
		{86400, 86099, 0, true, true},
	} {
		e := &Entry{Issued: 1000, Expires: 1000 + c.life, Refresh: RefreshTime(1000, 1000+c.life)}
		now := Clock{Unix: 1000 + c.at}
		if e.Usable(now, c.minTTL) != c.usable || e.Fresh(now, c.minTTL) != c.fresh {
			t.Errorf("life %d at %d, min %d: usable %v fresh %v, want %v %v", c.life, c.at, c.minTTL,
				e.Usable(now, c.minTTL), e.Fresh(now, c.minTTL), c.usable, c.fresh)
		}
	}
}

// TestClockJumps (A21): a clock that went back or moved against the boot
// clock makes the token a miss, never longer-lived.
func TestClockJumps(t *testing.T) {
	e := &Entry{Issued: 100_000, Expires: 103_600, Refresh: 103_300, BootedAt: 50_000}
	for _, c := range []struct {
		name string
		now  Clock
		want bool
	}{
		{"as it should be", Clock{100_010, 50_000}, true},
		{"slewed by NTP", Clock{100_010, 50_030}, true},
		{"one year back", Clock{100_000 - 31_536_000, 50_000 - 31_536_000}, false},
		{"1970", Clock{0, -50_000}, false},
		{"back by two minutes", Clock{100_100, 49_880}, false},
		{"forward by two minutes", Clock{100_100, 50_120}, false},
		{"2106", Clock{4_294_967_296, 4_294_917_296}, false},
		{"rebooted", Clock{101_000, 100_900}, false},
		{"no boot clock", Clock{100_010, 0}, true},
	} {
		if got := e.Fresh(c.now, 0); got != c.want {
			t.Errorf("%s: fresh %v, want %v", c.name, got, c.want)
		}
	}
}

// TestFindDirs: which variables say where the directories are, and what is no answer.
func TestFindDirs(t *testing.T) {
	for _, c := range []struct {
		name, env, config, state, system, runtime string
		fails                                     bool
	}{
		{"home", "HOME=/h", "/h/.config/credhelper", "/h/.local/state/credhelper", "/etc/credhelper", "/run/user/7", false},
		{"xdg", "HOME=/h XDG_CONFIG_HOME=/c XDG_STATE_HOME=/s XDG_RUNTIME_DIR=/r", "/c/credhelper", "/s/credhelper", "/etc/credhelper", "/r", false},
		{"relative xdg is ignored", "HOME=/h XDG_CONFIG_HOME=c XDG_RUNTIME_DIR=r", "/h/.config/credhelper", "/h/.local/state/credhelper", "/etc/credhelper", "/run/user/7", false},
		{"own home keeps the system's (newcomer F2)", "HOME=/h XDG_CONFIG_HOME=/c CREDHELPER_HOME=/x", "/x/config", "/x/state", "/etc/credhelper", "/run/user/7", false},
		{"nothing of the machine's", "CREDHELPER_HOME=/x CREDHELPER_ETC=none", "/x/config", "/x/state", "", "/run/user/7", false},
		{"nothing of the machine's at home", "HOME=/h CREDHELPER_ETC=none", "/h/.config/credhelper", "/h/.local/state/credhelper", "", "/run/user/7", false},
		{"another place for the machine's", "HOME=/h CREDHELPER_ETC=/elsewhere", "", "", "", "", true},
		{"no home (F4)", "", "", "", "", "", true},
		{"relative home (F4)", "HOME=h", "", "", "", "", true},
		{"relative own home", "HOME=/h CREDHELPER_HOME=x", "", "", "", "", true},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		d, err := FindDirs(func(name string) string { return env[name] }, 7)
		if (err != nil) != c.fails || d.Config != c.config || d.State != c.state || d.System != c.system || d.Runtime != c.runtime {
			t.Errorf("%s: %+v, %v", c.name, d, err)
		}
	}
}

// TestMarks: a mark comes back as it was, to its own profile alone, until it is dropped.
func TestMarks(t *testing.T) {
	s := store(t, home(t))
	want := Mark{Binding: [32]byte{9}, Secret: SecretMark("jama", "s3cret"), At: 100, Until: 130, Count: 2, Refused: true, Reason: "401 invalid_client"}
	if err := s.PutMark("jama", want); err != nil {
		t.Fatal(err)
	}
	if got, ok := s.Mark("jama"); !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
	if _, ok := s.Mark("other"); ok {
		t.Error("another profile has the mark too")
	}
	if err := s.DropMark("jama"); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Mark("jama"); ok {
		t.Error("the mark is still there")
	}
}

// TestRoutes: a route holds until one of the stamped folders changes.
func TestRoutes(t *testing.T) {
	s := store(t, home(t))
	folder := t.TempDir()
	stamp, ok := TakeStamp(folder, time.Now().Add(time.Second))
	if !ok {
		t.Fatal("a stamp of a second ago is not trusted")
	}
	if _, ok := TakeStamp(folder, time.Unix(0, stamp.Ctime+int64(5*time.Millisecond))); ok {
		t.Error("a stamp of 5 ms ago is trusted")
	}
	want := &Route{Claims: []Claim{{"https://api.example.com", "jama"}}, Stamps: []Stamp{stamp}, Complete: true}
	if err := s.PutRoute("api.example.com", want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Route("api.example.com")
	if err != nil || len(got.Claims) != 1 || got.Claims[0] != want.Claims[0] {
		t.Fatalf("got %+v, %v", got, err)
	}
	writeFile(t, filepath.Join(folder, "new.toml"), nil)
	if _, err := s.Route("api.example.com"); !errors.Is(err, ErrMiss) {
		t.Errorf("a file dropped in: %v, want a miss", err)
	}
}

// FuzzRecords: no bytes make a reader of a record panic, and what it accepts
// encodes to the same bytes again.
func FuzzRecords(f *testing.F) {
	e := entry("jama")
	e.Stamps = []Stamp{{Path: "/x", Inode: 1}}
	f.Add(e.encode())
	f.Add((&Route{Claims: []Claim{{"https://a", "b"}}, Stamps: []Stamp{{Path: "/x"}}}).encode("h"))
	f.Add((&Mark{Reason: "x", Refused: true}).encode("jama"))
	f.Add((&Hosts{Unusable: "x", Stamps: []Stamp{{Inode: 1}}, buckets: 4}).encode())
	f.Add((&Origins{Common: []Stamp{{Path: "/x"}}, Files: []FileOrigins{{Profile: "jama", Origins: []string{"https://a"}, Variables: []string{"A"}}}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, ok := decodeOrigins(b); ok && string(o.encode()) != string(b) {
			t.Error("origins: another form")
		}
		if e, ok := decodeEntry(b); ok && string(e.encode()) != string(b) {
			t.Errorf("entry: %x became %x", b, e.encode())
		}
		if r, ok := decodeRoute("h", b); ok && string(r.encode("h")) != string(b) {
			t.Error("route: another form")
		}
		if h, ok := decodeHosts(b); ok && slices.Equal(h.Stamps, nameless(h.Stamps)) && string(h.encode()) != string(b) {
			t.Error("hosts: another form")
		}
		if m, ok := decodeMark("jama", b); ok && string(m.encode("jama")) != string(b) {
			t.Error("mark: another form")
		}
	})
}

// BenchmarkGet opens and checks one sealed entry with a 1.2 KB token.
func BenchmarkGet(b *testing.B) {
	s := store(b, home(b))
	e := entry("jama")
	e.Token = secret.New(strings.Repeat("a", 1200))
	put(b, s, e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(Whole("jama"), nil); err != nil {
			b.Fatal(err)
		}
	}
}
