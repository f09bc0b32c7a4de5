//go:build unix

package tokenfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/filelock"
	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestOrdinaryUser fails if scripts/test wants these tests run by an ordinary user and this
// is root, who passes every check of modes and owners.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv("CREDHELPER_TEST_USER") == "ordinary" && os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
}

// TestTokenFileIsWhole: during a thousand renewals a reader never sees a missing, short,
// empty or mixed file, nor one that others may read.
func TestTokenFileIsWhole(t *testing.T) {
	f := &File{Path: filepath.Join(privateDir(t), "token")}
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 1+i*7%5000) }
	if err := f.Write(append(content(0), '\n')); err != nil {
		t.Fatal(err)
	}
	done, reads := make(chan struct{}), make(chan error, 1)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-done:
				if n < 100 {
					reads <- fmt.Errorf("only %d reads", n)
				}
				close(reads)
				return
			default:
			}
			b, err := os.ReadFile(f.Path)
			if err == nil && (len(b) < 2 || b[len(b)-1] != '\n' || bytes.Count(b, b[:1]) != len(b)-1) {
				err = fmt.Errorf("read %d: torn file of %d bytes", n, len(b))
			}
			if err != nil {
				reads <- err
				return
			}
		}
	}()
	for i := 1; i <= 1000; i++ {
		if err := f.Write(append(content(i), '\n')); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	if err := <-reads; err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if names := listing(t, filepath.Dir(f.Path)); names != "token" {
		t.Errorf("left behind: %s", names)
	}
}

// private returns a directory of ours that others cannot write to.
func privateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestTokenFileRefuses (T1, T17): places that somebody else could use against us are
// refused, each with its reason, and stay as they were.
func TestTokenFileRefuses(t *testing.T) {
	make := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		place func(dir string) string // returns the target
		says  string
	}{
		{"a link", func(dir string) string {
			make(os.WriteFile(filepath.Join(dir, "victim"), []byte("mine"), 0o600))
			make(os.Symlink("victim", filepath.Join(dir, "token")))
			return filepath.Join(dir, "token")
		}, "is a symbolic link"},
		{"a link to nothing", func(dir string) string {
			make(os.Symlink("nowhere", filepath.Join(dir, "token")))
			return filepath.Join(dir, "token")
		}, "is a symbolic link"},
		{"a directory", func(dir string) string {
			make(os.Mkdir(filepath.Join(dir, "token"), 0o700))
			return filepath.Join(dir, "token")
		}, "is not a regular file"},
		{"a pipe", func(dir string) string {
			make(syscall.Mkfifo(filepath.Join(dir, "token"), 0o600))
			return filepath.Join(dir, "token")
		}, "is not a regular file"},
		{"a directory that all can write to", func(dir string) string {
			make(os.Chmod(dir, 0o777))
			return filepath.Join(dir, "token")
		}, "others can write it"},
		{"the same with the sticky bit", func(dir string) string {
			make(os.Chmod(dir, 0o777|fs.ModeSticky))
			return filepath.Join(dir, "token")
		}, "others can write it"},
		{"a link to a directory", func(dir string) string {
			make(os.Mkdir(filepath.Join(dir, "real"), 0o700))
			make(os.Symlink("real", filepath.Join(dir, "place")))
			return filepath.Join(dir, "place", "token")
		}, "is a symbolic link"},
		{"no directory", func(dir string) string { return filepath.Join(dir, "none", "token") }, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := privateDir(t)
			f := &File{Path: c.place(dir)}
			before := listing(t, dir)
			err := f.Write([]byte("t0k\n"))
			if !errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want something with %q", err, c.says)
			}
			if after := listing(t, dir); after != before {
				t.Errorf("before %q, after %q", before, after)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "victim")); err == nil && string(b) != "mine" {
				t.Errorf("written through the link: %q", b)
			}
		})
	}
}

// TestTokenFileMakesDir: the last directory is created, closed to others or open to its
// group as was asked, whatever the umask; none above it is, and none of another user or
// link is used.
func TestTokenFileMakesDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o777))
	for _, c := range []struct {
		name           string
		groupRead      bool
		dirMode, token fs.FileMode
	}{
		{"closed", false, 0o700, 0o600},
		{"group", true, 0o750, 0o640},
	} {
		f := &Target{File: File{Path: filepath.Join(dir, c.name, "token"), MakeDir: true, GroupRead: c.groupRead}}
		if err := errors.Join(f.Prepare(), f.Write([]byte("t0k\n")), f.Write([]byte("t1k\n"))); err != nil {
			t.Fatal(err)
		}
		made, err := os.Stat(filepath.Join(dir, c.name))
		file, err2 := os.Stat(f.Path)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if made.Mode().Perm() != c.dirMode || file.Mode().Perm() != c.token {
			t.Errorf("%s: %v, its file %v", c.name, made.Mode(), file.Mode())
		}
	}
	if err := os.Symlink("closed", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		"none/sub/token":  "no such file",
		"link/token":      "is a symbolic link",
		"closed/token/me": "symbolic link or not a directory",
	} {
		f := &Target{File: File{Path: filepath.Join(dir, path), MakeDir: true}}
		if err := f.Prepare(); !errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want something with %q", path, err, says)
		}
	}
	f := &Target{File: File{Path: filepath.Join(dir, "closed", "token"), GroupRead: true}}
	if err := f.Prepare(); !errors.Is(err, protocol.ErrPolicy) || !strings.Contains(err.Error(), "closed to its group") {
		t.Errorf("a directory that the group cannot enter: %v", err)
	}
}

// TestTokenFileHints: what to do instead of a directory that cannot be used.
func TestTokenFileHints(t *testing.T) {
	dir := privateDir(t)
	for path, hint := range map[string]string{
		"none/token": "create it with mode 0700, or add --make-dir",
		"all/token":  "name a file in a directory below it, which --make-dir creates",
		"a/b/token":  "create it with mode 0700",
	} {
		if path == "all/token" {
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "all"), 0), os.Chmod(filepath.Join(dir, "all"), 0o777|fs.ModeSticky)); err != nil {
				t.Fatal(err)
			}
		}
		f := &Target{File: File{Path: filepath.Join(dir, path)}}
		var e *protocol.Error
		if err := f.Prepare(); !errors.As(err, &e) || e.Hint != hint {
			t.Errorf("%s: %+v, want the hint %q", path, e, hint)
		}
	}
}

// TestTokenFileOfAnother: only what we wrote is removed.
func TestTokenFileOfAnother(t *testing.T) {
	f := &File{Path: filepath.Join(privateDir(t), "token")}
	for range 2 {
		if err := f.Write([]byte("t0k\n")); err != nil {
			t.Fatal(err)
		}
	}
	other := &File{Path: f.Path}
	if err := other.Write([]byte("theirs\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(f.Path); string(b) != "theirs\n" {
		t.Errorf("%q", b)
	}
	if err := other.Remove(); err != nil || listing(t, filepath.Dir(f.Path)) != "" {
		t.Errorf("%v, left: %s", err, listing(t, filepath.Dir(f.Path)))
	}
}

// TestSweepTemps: the temporary file of a killed writer is removed at once, because it
// contains a token unencrypted. Those of running writers and of other programs stay.
func TestSweepTemps(t *testing.T) {
	dir := privateDir(t)
	for _, name := range []string{".tmp-credhelper-1-a-1", ".tmp-credhelper-2-b-1", ".tmp-other", "tmp-other", "token"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if name == ".tmp-credhelper-2-b-1" { // as the writer does
			if locked, err := filelock.Lock(f, filelock.Exclusive, false); !locked {
				t.Fatal(err)
			}
			continue
		}
		if err := os.Chtimes(f.Name(), time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	target := &Target{File: File{Path: filepath.Join(dir, "token")}}
	if err := target.Prepare(); err != nil {
		t.Fatal(err)
	}
	if got, want := listing(t, dir), ".tmp-credhelper-2-b-1 .tmp-other tmp-other token"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSweepLives (S11): the lock, not the pid, shows that a writer is running: in another
// pid namespace our pid means nothing.
func TestSweepLives(t *testing.T) {
	dirs := cache.Dirs{Runtime: privateDir(t), State: privateDir(t)}
	file, remove, _, err := New(dirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write([]byte("t0k\n")); err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(dirs.Runtime, "credhelper")
	// The name that the first release used, of a process that does not exist here.
	foreign := filepath.Join(place, "exec-1073741824-123")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(place, "exec-dead")
	if err := errors.Join(os.Mkdir(dead, 0o700), os.WriteFile(filepath.Join(dead, "lock"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if n := Sweep(place); n != 1 {
		t.Errorf("%d swept, want the dead one", n)
	}
	if _, err := os.Stat(file.Path); err != nil {
		t.Errorf("the file of a living process is gone: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("the first release's is gone while it may live: %v", err)
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(foreign, old, old); err != nil {
		t.Fatal(err)
	}
	if n := Sweep(place); n != 1 {
		t.Errorf("%d swept, want the first release's of two days ago", n)
	}
	remove()
	if got := listing(t, place); got != "" {
		t.Errorf("left: %s", got)
	}
}

// TestOnDisk (S10): without a tmpfs there is a warning that the token is on a disk.
func TestOnDisk(t *testing.T) {
	dirs := cache.Dirs{Runtime: privateDir(t), State: privateDir(t)}
	d, err := private.Open(dirs.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, remove, onDisk, err := New(dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	if (onDisk == nil) != d.OnTmpfs() {
		t.Errorf("on a tmpfs %v: %v", d.OnTmpfs(), onDisk)
	}
}

// TestRenewalWait: a token is renewed before it expires, whatever its lifetime, and a
// failing server is asked less and less often.
func TestRenewalWait(t *testing.T) {
	for _, c := range []struct{ left, want, wait time.Duration }{
		{3 * time.Second, 0, 2 * time.Second},
		{time.Minute, 0, 40 * time.Second},
		{10 * time.Minute, 0, 9 * time.Minute},
		{time.Hour, 0, 55 * time.Minute},
		{time.Hour, 20 * time.Minute, 40 * time.Minute},
		{time.Hour, 24 * time.Hour, 30 * time.Minute}, // more than the lifetime: half of it
		{24 * time.Hour, 0, 24*time.Hour - 5*time.Minute},
		{0, 0, 100 * time.Millisecond},
		{-time.Hour, 0, 100 * time.Millisecond},
	} {
		if got := renewalWait(c.left, c.want); got != c.wait {
			t.Errorf("%v left, %v wanted: wait %v, not %v", c.left, c.want, got, c.wait)
		}
	}
	for failures, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := retryWait(failures); got != want {
			t.Errorf("%d failures: wait %v, not %v", failures, got, want)
		}
	}
	for range 1000 {
		if got := sooner(time.Hour); got > time.Hour || got < 57*time.Minute {
			t.Fatalf("%v", got)
		}
	}
}

// stage is a server and a file for a renewal, in synctest's time.
type stage struct {
	*Renewal
	began  time.Time
	fails  func(after time.Duration) error // the server's error at that time; nil: a new token
	life   time.Duration                   // of its tokens
	gets   int
	writes int
	asked  []protocol.Request
	lines  []string
}

func newStage(life time.Duration) *stage {
	g := &stage{began: time.Now(), life: life, fails: func(time.Duration) error { return nil }}
	g.Renewal = &Renewal{
		File: "F",
		Now:  time.Now,
		Tick: Tick,
		Get: func(_ context.Context, r protocol.Request) (protocol.Credential, string, error) {
			g.gets++
			g.asked = append(g.asked, r)
			return protocol.Credential{Secret: secret.New(fmt.Sprintf("t%d", g.gets)), Expires: time.Now().Add(g.life).Unix()}, "", g.fails(time.Since(g.began))
		},
		Put:  func(protocol.Credential) error { g.writes++; return nil },
		Drop: func() error { g.lines = append(g.lines, "(dropped)"); return nil },
		Say:  func(line string) { g.lines = append(g.lines, line) },
	}
	return g
}

// TestRenewalOutage: the server is unreachable for longer than the token lives. The old file
// stays while its token is valid, is removed then, and is written again later; each change
// is one line, and the server is not flooded.
func TestRenewalOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(time.Hour)
		g.fails = func(after time.Duration) error {
			if after < 50*time.Minute || after > 2*time.Hour {
				return nil
			}
			return &protocol.Error{Kind: protocol.ErrUnreachable, Text: "503"}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour+5*time.Minute)
		defer cancel()
		g.Say = func(line string) {
			g.lines = append(g.lines, fmt.Sprintf("%d min: %s", time.Since(g.began)/time.Minute, line))
		}
		if err := g.Run(ctx, nil); err != nil {
			t.Error(err)
		}
		if g.gets > 90 {
			t.Errorf("%d requests in 70 minutes of outage", g.gets)
		}
		lines := strings.Join(g.lines, "|")
		if !regexp.MustCompile(`^5\d min: F is not renewed, trying on: 503\|\(dropped\)\|60 min: F is removed: its token has ended\|12[01] min: F is renewed again$`).MatchString(lines) || g.writes != 2 {
			t.Errorf("%d writes, %s", g.writes, lines)
		}
	})
}

// TestRenewalBegins: if the first token cannot be fetched, temporary failures are retried,
// and those that need a person end it.
func TestRenewalBegins(t *testing.T) {
	for _, c := range []struct {
		kind  error
		waits bool
	}{
		{protocol.ErrUnreachable, true}, {protocol.ErrBusy, true}, {protocol.ErrLocked, true},
		{protocol.ErrMalformed, false}, {protocol.ErrUnknown, false}, {protocol.ErrNoSecret, false},
		{protocol.ErrLogin, false}, {protocol.ErrRefused, false}, {protocol.ErrPolicy, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newStage(time.Hour)
			g.fails = func(time.Duration) error { return &protocol.Error{Kind: c.kind, Text: "no"} }
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			err := g.Run(ctx, nil)
			if c.waits && (err != nil || len(g.lines) != 1 || g.gets < 10 || g.gets > 30) || !c.waits && (!errors.Is(err, c.kind) || g.gets != 1) {
				t.Errorf("%v: %v after %d requests, %q", c.kind, err, g.gets, g.lines)
			}
		})
	}
}

// TestRenewalAsked: a request for renewal is served at once, and the watchdog is notified
// meanwhile.
func TestRenewalAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(time.Hour)
		beats := 0
		g.Beat = func() { beats++ }
		ask := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx, ask) }()
		time.Sleep(10 * time.Minute)
		ask <- struct{}{}
		synctest.Wait()
		if g.writes != 2 || g.asked[0].Refresh || !g.asked[1].Refresh {
			t.Errorf("%d writes, %v", g.writes, g.asked)
		}
		if want := int(10 * time.Minute / Tick); beats < want || beats > want+5 {
			t.Errorf("%d beats, want about %d", beats, want)
		}
		cancel()
		<-ended
	})
}

// TestRenewalSameToken: a server that returns the same token until it expires is not a
// failure; a failed write is, and is retried.
func TestRenewalSameToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newStage(time.Minute)
		end := time.Now().Add(time.Minute)
		g.Get = func(context.Context, protocol.Request) (protocol.Credential, string, error) {
			g.gets++
			if !time.Now().Before(end) {
				return protocol.Credential{Secret: secret.New("second"), Expires: time.Now().Add(time.Hour).Unix()}, "", nil
			}
			return protocol.Credential{Secret: secret.New("first"), Expires: end.Unix()}, "", nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := g.Run(ctx, nil); err != nil || g.writes != 2 || g.gets > 25 {
			t.Errorf("%v, %d writes, %d requests, %q", err, g.writes, g.gets, g.lines)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := newStage(time.Hour)
		g.Put = func(protocol.Credential) error {
			if g.writes++; time.Since(g.began) < 58*time.Minute && g.writes > 1 {
				return protocol.Policy("no space left on device")
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Minute)
		defer cancel()
		if err := g.Run(ctx, nil); err != nil || strings.Join(g.lines, "|") != "F is not renewed, trying on: no space left on device|F is renewed again" {
			t.Errorf("%v, %q", err, g.lines)
		}
	})
}
