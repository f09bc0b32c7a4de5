package cache

import (
	"cmp"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/helper/private"
)

// readKernelKey reads the key by its serial number: one system call, no search. If the
// serial now belongs to another key, that key opens nothing.
func readKernelKey(serial int32, key *[keySize]byte) bool {
	// One byte more than needed: a longer key is not ours.
	var buf [keySize + 1]byte
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, int(serial), buf[:], 0)
	if err != nil || n != keySize {
		return false
	}
	copy(key[:], buf[:])
	return true
}

// keyPermissions: all for a possessor of the key; view, read, write, search and link
// for the same user, because cron, services and su run in sessions that do not possess
// the user keyring.
const keyPermissions = 0x3f1f0000

// newKeyLife is how long the kernel keeps a key that has not been used for sealing.
const newKeyLife = 10 * time.Minute

// findKernelKey returns the home's key in the user's kernel keyring, to be kept for life;
// 0 does not change its timeout.
func findKernelKey(name string, life time.Duration) (sealingKey, bool) {
	k, found, kept := searchKernelKey(name, life)
	if found && kept {
		return k, true
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if possessUserKeyring() {
		k, found, _ = searchKernelKey(name, life)
	}
	return k, found // not kept, it ends earlier; another one would make every sealed file a miss now
}

// addKernelKey adds a key for the home to the user's kernel keyring, to be kept for life.
// The caller holds the home's lock.
func addKernelKey(name string, random func([]byte) error, life time.Duration) (sealingKey, bool) {
	k := sealingKey{place: placeKernel}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	content, err := os.ReadFile("/proc/key-users")
	if !possessUserKeyring() || err == nil && crowded(content, os.Getuid()) || random(k.key[:]) != nil {
		return k, false // the next place takes it
	}
	id, err := unix.AddKey("user", name, k.key[:], unix.KEY_SPEC_USER_KEYRING)
	if err != nil || unix.KeyctlSetperm(id, keyPermissions) != nil {
		return k, false
	}
	_ = setTimeout(id, cmp.Or(max(life, 0), newKeyLife))
	k.serial = int32(id)
	return k, true
}

// possessUserKeyring lets the thread possess the user keyring also where the session keyring
// does not link it; false if the user has no room for another keyring. Go starts another
// thread for a locked one, so callers try without it.
func possessUserKeyring() bool {
	_, err := unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_THREAD_KEYRING, 0, 0)
	return err == nil
}

// searchKernelKey returns the home's key, to be kept for life. kept is false if the timeout
// could not be set, for which the key must be possessed.
func searchKernelKey(name string, life time.Duration) (k sealingKey, found, kept bool) {
	k.place = placeKernel
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	if err != nil || !readKernelKey(int32(id), &k.key) {
		return k, false, false
	}
	k.serial = int32(id)
	return k, true, life <= 0 || setTimeout(id, life) == nil
}

// crowded reports whether a quarter of the user's quota of keys is in use (keyrings(7):
// "uid: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes"). Each home has a key, and
// Kerberos and containers fail without room for theirs.
func crowded(keyUsers []byte, uid int) bool {
	for line := range strings.Lines(string(keyUsers)) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != strconv.Itoa(uid)+":" {
			continue
		}
		used, most, _ := strings.Cut(f[3], "/")
		n, err := strconv.Atoi(used)
		limit, err2 := strconv.Atoi(most)
		return err == nil && err2 == nil && 4*n >= limit
	}
	return false
}

// setTimeout is best effort: a key without a timeout ends with the machine's uptime.
func setTimeout(id int, life time.Duration) error {
	_, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, max(int(life/time.Second), 1), 0, 0)
	return err
}

// forgetKernelKey removes the home's key, which makes every sealed file a miss.
func forgetKernelKey(name string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	possessUserKeyring()
	if id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0); err == nil {
		_, _ = unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0)
		_, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	}
}

// filePlaces are the places of a file with the key, in the order in which they are tried.
var filePlaces = [...]place{placeRuntime, placeShared}

// maxKeyFile is the size of such a file in bytes.
const maxKeyFile = keySize

func readKeyFile(content []byte, key *[keySize]byte) bool { return copy(key[:], content) == keySize }

func keyFileContent(key []byte) ([]byte, error) { return key, nil }

// keyDirectory opens the directory of the key's file, and refuses one that is not on a
// tmpfs: on a disk the key would survive a restart.
func (d Dirs) keyDirectory(p place) (private.Dir, error) {
	path := d.keyDirectoryPath(p)
	dir, err := private.Open(path)
	if err != nil {
		return private.Dir{}, err
	}
	if !dir.OnTmpfs() {
		dir.Close()
		return private.Dir{}, ErrNoSealingKey
	}
	return dir, nil
}

func (d Dirs) keyDirectoryPath(p place) string {
	if p == placeRuntime {
		return d.Runtime
	}
	return "/dev/shm/credhelper-" + strconv.Itoa(unix.Geteuid())
}

// makeKeyDirectory creates the directory below /dev/shm, which is ours. The runtime
// directory belongs to the session manager.
func (d Dirs) makeKeyDirectory(p place) {
	if p == placeShared {
		_ = unix.Mkdir(d.keyDirectoryPath(p), 0o700)
	}
}

// randomBytes fills b from the kernel. It does not use crypto/rand, whose package
// initializer would run at every start of the front, which never needs it.
func randomBytes(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Getrandom(b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// wipe overwrites a key that is no longer needed (best effort).
func wipe(b []byte) {
	clear(b)
	runtime.KeepAlive(unsafe.SliceData(b))
}
