//go:build linux

package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestContainer: where a seccomp filter refuses add_key, keyctl and request_key,
// as container runtimes do by default, the cache still works: the key then lies
// in a file on a tmpfs, or is derived from the key file.
func TestContainer(t *testing.T) {
	if os.Getenv("CACHE_TEST_CHILD") == "" {
		child(t, func(*exec.Cmd) {})
		return
	}
	refuseKeyctl(t)
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, false); !errors.Is(err, unix.EPERM) {
		t.Fatalf("keyctl: %v; the filter does not hold and the test is blind", err)
	}

	dirs := home(t)
	dirs.Runtime = filepath.Join(t.TempDir(), "none")
	s := store(t, dirs)
	put(t, s, entry("jama"))
	if _, err := s.Get(Whole("jama"), nil); err != nil {
		t.Errorf("key in /dev/shm: %v", err)
	}
	if place, err := s.KeyPlace(context.Background()); err != nil || place != placeShared.String() {
		t.Errorf("key in %q, %v; want %q", place, err, placeShared)
	}
	name := filepath.Join(dirs.keyDirectoryPath(placeShared), "credhelper-seal-")
	keys, _ := filepath.Glob(name + "*")
	if len(keys) == 0 {
		t.Error("no key file in /dev/shm")
	}
}

// TestDerivedKey: with neither kernel keyring nor tmpfs the key comes from the
// key file of the file keyring, and without one nothing is cached.
func TestDerivedKey(t *testing.T) {
	dirs := home(t)
	if err := os.MkdirAll(dirs.State, 0o700); err != nil {
		t.Fatal(err)
	}
	var key sealingKey
	if dirs.deriveKey(&key, [16]byte{1}) {
		t.Fatal("a key was derived from nothing")
	}
	writeFile(t, dirs.KeyFile(), []byte("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"))
	if !dirs.deriveKey(&key, [16]byte{1}) {
		t.Fatal("no key from the key file")
	}
	sealed, err := key.seal("t-x", header{kind: kindEntry, home: [16]byte{1}}, [nonceSize]byte{2}, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := dirs.open("t-x", append([]byte(nil), sealed...)); !ok || string(f.text) != "text" {
		t.Errorf("got %q %v", f.text, ok)
	}
	writeFile(t, dirs.KeyFile(), []byte("AGE-SECRET-KEY-1PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"))
	if _, ok := dirs.open("t-x", sealed); ok {
		t.Error("opened with the key of another key file")
	}
}

// TestHKDF is RFC 5869, appendix A.1, cut to one block.
func TestHKDF(t *testing.T) {
	secret := make([]byte, 22)
	for i := range secret {
		secret[i] = 0x0b
	}
	salt := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	info := "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"
	out := hkdf(secret, salt, info)
	if got, want := string(appendHex(nil, out[:])), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWithoutSession: a process whose session keyring does not link the user
// keyring, as under cron, services and su, shares the key with a shell.
func TestWithoutSession(t *testing.T) {
	dirs := home(t)
	if inner := os.Getenv("CACHE_TEST_HOME"); inner != "" {
		if _, err := unix.KeyctlJoinSessionKeyring("credhelper-test"); err != nil {
			t.Fatal(err)
		}
		dirs, err := FindDirs(func(name string) string { return map[string]string{"CREDHELPER_HOME": inner}[name] }, os.Getuid())
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(dirs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(Whole("shell"), nil); err != nil {
			t.Errorf("the shell's entry: %v", err)
		}
		put(t, s, entry("cron"))
		return
	}
	s := store(t, dirs)
	put(t, s, entry("shell"))
	child(t, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "CACHE_TEST_HOME="+filepath.Dir(dirs.State), "XDG_RUNTIME_DIR=")
	})
	if _, err := s.Get(Whole("cron"), nil); err != nil {
		t.Errorf("cron's entry: %v", err)
	}
}

// refuseKeyctl makes the kernel refuse the keyring's system calls with EPERM.
func refuseKeyctl(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	load := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
	}
	program := []unix.SockFilter{load(0)}
	refused := []uint32{unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL}
	for i, call := range refused {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: uint8(len(refused) - i)})
	}
	program = append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		t.Fatal(errno)
	}
}

// TestForgetDerivedKey (S10): after lock a token that was sealed with the derived key
// does not open, even where a copy of it is brought back.
func TestForgetDerivedKey(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	writeFile(t, dirs.KeyFile(), []byte("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"))
	var before, after sealingKey
	id, err := dirs.HomeID(context.Background())
	if err != nil || !dirs.deriveKey(&before, id) {
		t.Fatal("no derived key", err)
	}
	if err := s.ForgetKey(context.Background()); err != nil {
		t.Fatal(err)
	}
	if id, err = dirs.HomeID(context.Background()); err != nil || !dirs.deriveKey(&after, id) {
		t.Fatal("no derived key", err)
	}
	if before.key == after.key {
		t.Error("the key of before is derived again")
	}
}

// TestKeyEnds (S22): the kernel keeps the key as long as the token that lives longest,
// and no longer; what doctor looks at stays as it is.
func TestKeyEnds(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	id, err := dirs.HomeID(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	seal := func(profile string, life int64) {
		t.Helper()
		e := entry(profile)
		e.Expires = e.Issued + life
		put(t, s, e)
	}
	for _, c := range []struct {
		do   func()
		want string // what /proc/keys says, rounded as the kernel does (down)
	}{
		{func() { seal("short", 20*60-30) }, "20m"},
		{func() { seal("long", 3*60*60) }, "3h"},
		{func() { seal("short", 20*60-30) }, "3h"},
		{func() { _, _ = s.KeyPlace(context.Background()) }, "3h"},
	} {
		c.do()
		if got := keyTimeout(t, keyName(id)); got != c.want {
			t.Errorf("the key ends in %s, want %s", got, c.want)
		}
	}
}

// keyTimeout is the timeout column of a key in /proc/keys.
func keyTimeout(t *testing.T, name string) string {
	t.Helper()
	keys, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(keys)) {
		if f := strings.Fields(line); len(f) > 8 && f[8] == name+":" {
			return f[3]
		}
	}
	t.Fatal("the kernel does not list the key: the test is blind")
	return ""
}

// TestKeyQuota: where a quarter of the user's keys is in use another home adds none, and
// its sealed files open by a key in the next place. A home that has a key keeps it, whether
// no other one could be added or there is room again.
func TestKeyQuota(t *testing.T) {
	runtime.LockOSThread() // keyrings are a thread's; for good
	if os.Getenv("CACHE_TEST_CHILD") == "" {
		// As cron: the session keyring, which the child inherits, does not link the user's.
		if _, err := unix.KeyctlJoinSessionKeyring("credhelper-test"); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			asUser(t, alone)
		} else {
			child(t, func(*exec.Cmd) {}) // whose keys end with it
		}
		return
	}
	before := home(t)
	old := store(t, before)
	put(t, old, entry("jama"))
	kept := func(s *Store) string {
		where, err := s.KeyPlace(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return where
	}
	if where := kept(old); where != placeKernel.String() {
		t.Fatalf("the first home's key: %s: the test is blind", where)
	}
	for i := range 50 { // of 200; they end with this process
		if _, err := unix.AddKey("user", fmt.Sprint("credhelper-test-quota-", i), []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING); err != nil {
			t.Fatal(err)
		}
	}
	next := store(t, home(t))
	put(t, next, entry("jama"))
	if where := kept(next); where == placeKernel.String() {
		t.Error("another key was added")
	}
	if _, err := next.Get(Whole("jama"), nil); err != nil {
		t.Errorf("sealed elsewhere: %v", err)
	}
	if where := kept(old); where != placeKernel.String() {
		t.Errorf("the first home's key is now in %s", where)
	}
	if os.Getuid() == alone { // other programs of an ordinary user need keys as well
		fillKeyQuota(t)
		for range 20 {
			where := make(chan place)
			go func() {
				defer close(where)
				runtime.LockOSThread() // for good, so that the next one gets another thread
				key, _, _ := before.sealingKey(context.Background(), entry("jama"))
				where <- key.place
			}()
			if where := <-where; where != placeKernel {
				t.Fatalf("without room for a thread's keyring the first home's key is now in %v", where)
			}
		}
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_CLEAR, unix.KEY_SPEC_PROCESS_KEYRING, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	for range 60_000 { // the kernel counts keys until it has collected them
		if !tooManyKeys(t) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if tooManyKeys(t) {
		t.Fatal("no room again: the test is blind")
	}
	put(t, next, entry("jira"))
	if _, err := next.Get(Whole("jama"), nil); err != nil || kept(next) == placeKernel.String() {
		t.Errorf("with room again, the key in the %s: %v", kept(next), err)
	}
}

// tooManyKeys reports whether no other key of ours is added.
func tooManyKeys(t *testing.T) bool {
	content, err := os.ReadFile("/proc/key-users")
	if err != nil {
		t.Fatal(err)
	}
	return crowded(content, os.Getuid())
}

// fillKeyQuota adds keys, ever smaller, until a keyring of the user has no room for one link
// (4 bytes; the smallest key takes 3). They end with this process.
func fillKeyQuota(t *testing.T) {
	name := 'a'
	for size := 1 << 14; size > 0; size /= 2 {
		for {
			_, err := unix.AddKey("user", string(name), make([]byte, size), unix.KEY_SPEC_PROCESS_KEYRING)
			if errors.Is(err, unix.EDQUOT) {
				break
			}
			if name++; err != nil || name > 'z' {
				t.Fatalf("no quota was met, the test is blind: %v", err)
			}
		}
	}
}

// TestCrowded reads what keyrings(7) says of /proc/key-users.
func TestCrowded(t *testing.T) {
	for line, want := range map[string]bool{
		" 1000:    50 50/50 50/200 30/20000\n":     true,
		" 1000:    49 49/49 49/200 30/20000\n":     false,
		"    0: 9 9/9 9/200 1/2\n 1000: x":         false,
		" 1000: 1 1/1 many/200 1/2":                false,
		"11000: 1 1/1 200/200 1/2":                 false,
		"":                                         false,
		"  0: 1 1/1 1/2 1/2\n 1000: 1 1/1 4/4 1/2": true,
	} {
		if got := crowded([]byte(line), 1000); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
