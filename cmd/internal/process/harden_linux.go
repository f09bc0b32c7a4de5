package process

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/protocol/printable"
)

// Harden makes this process one that leaves no core file and that no other
// process of the user can attach to (T9), and refuses to run with rights that
// its caller does not have.
func Harden() (Limits, error) {
	var core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	l := Limits{core.Cur}
	if core.Cur != 0 {
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 0, Max: core.Max})
	}
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	uid, euid := unix.Getuid(), unix.Geteuid()
	// The kernel starts a set-user-id program, or one with file capabilities, as
	// not dumpable; only then is the exact answer worth a look at the auxiliary
	// vector.
	if uid != euid || unix.Getgid() != unix.Getegid() || dumpable != 1 && secureExec() {
		return l, forbidden("credhelper must not run set-user-id, set-group-id or with file capabilities")
	}
	if euid == 0 {
		return l, foreignHome()
	}
	return l, nil
}

// secureExec reads AT_SECURE.
func secureExec() bool {
	const atSecure, word = 23, 8
	vector, err := os.ReadFile("/proc/self/auxv")
	for err == nil && len(vector) >= 2*word {
		if vector[0] == atSecure {
			return vector[word] != 0
		}
		vector = vector[2*word:]
	}
	return false
}

// foreignHome refuses root with another user's home, which sudo leaves: files
// made there by root would lock the user out.
func foreignHome() error {
	for _, name := range [...]string{"CREDHELPER_HOME", "HOME"} {
		path := os.Getenv(name)
		var st unix.Stat_t
		if path == "" || unix.Stat(path, &st) != nil {
			continue
		}
		if st.Uid != 0 {
			return forbidden("root with " + name + "=" + printable.Value(path) + " of user " + strconv.Itoa(int(st.Uid)) +
				": run it as that user, not through sudo")
		}
		return nil
	}
	return nil
}
