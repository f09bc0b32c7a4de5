package process

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Harden disables core files and keeps other processes of the user from attaching to
// this one (T9). It refuses to run with privileges that its caller does not have.
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
	// The kernel makes a set-user-id program, or one with file capabilities, not
	// dumpable. Only then is it worth reading the auxiliary vector for the exact
	// answer.
	if uid != euid || unix.Getgid() != unix.Getegid() || dumpable != 1 && secureExec() {
		return l, protocol.Policy("credhelper must not run set-user-id, set-group-id or with file capabilities")
	}
	if euid == 0 {
		return l, foreignHome()
	}
	return l, nil
}

// secureExec reports AT_SECURE of the auxiliary vector.
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

// foreignHome refuses root with another user's home directory, as left by sudo: files
// that root created there would lock the user out.
func foreignHome() error {
	for _, name := range [...]string{"CREDHELPER_HOME", "HOME"} {
		path := os.Getenv(name)
		var st unix.Stat_t
		if path == "" || unix.Stat(path, &st) != nil {
			continue
		}
		if st.Uid != 0 {
			return protocol.Policy("root with " + name + "=" + printable.Value(path) + " of user " + strconv.Itoa(int(st.Uid)) +
				": run it as that user, not through sudo")
		}
		return nil
	}
	return nil
}
