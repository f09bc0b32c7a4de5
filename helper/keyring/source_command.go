package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
)

// commandLimit bounds a command of a Source, start to end.
const commandLimit = 3 * time.Second

// childVariables is what a command gets of our environment, if it is set: what
// the usual tools (gpg, pass, secret-tool, op, vault) need to find their own
// files and agents, and nothing that is not named here (security.md T7).
var childVariables = [...]string{
	"HOME", "USER", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE",
	"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
	"DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "PASSWORD_STORE_DIR", "SSH_AUTH_SOCK",
	"SystemRoot", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "TEMP", "TMP",
}

// childEnviron keeps the childVariables of environ. Relative and empty parts
// of PATH are left out: they would mean the current directory (T5).
func childEnviron(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.Contains(childVariables[:], name) {
			continue
		}
		if name == "PATH" {
			parts := slices.DeleteFunc(filepath.SplitList(value), func(p string) bool { return !filepath.IsAbs(p) })
			entry = "PATH=" + strings.Join(parts, string(filepath.ListSeparator))
		}
		kept = append(kept, entry)
	}
	return kept
}

// RunCommand returns what a command writes to stdout, at most MaxSecret octets;
// argv[0] is absolute, environ is the whole environment, of which the command
// gets the childVariables. There is no shell; stdin
// is empty; stderr goes nowhere, since it may hold anything. The command has a
// process group of its own, which is killed when its time is over, when it
// writes too much, and when it leaves a child behind that holds its stdout.
func RunCommand(ctx context.Context, argv, environ []string) ([]byte, error) {
	if err := CheckProgram(argv[0]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	out := &bounded{limit: MaxSecret}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = childEnviron(environ)
	cmd.Dir = string(filepath.Separator)
	cmd.Stdout = out
	cmd.WaitDelay = 250 * time.Millisecond
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, unavailable(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case out.overflown:
		_ = killGroup(cmd)
		return nil, fmt.Errorf("%w: it wrote more than %d octets", ErrInvalid, out.limit)
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("%w: it did not end within %v", ErrUnavailable, commandLimit)
	case errors.Is(err, exec.ErrWaitDelay):
		_ = killGroup(cmd)
		return nil, fmt.Errorf("%w: it left a process behind that holds its output", ErrUnavailable)
	case errors.As(err, &exit):
		return nil, fmt.Errorf("%w: it failed (%v); run it by hand to see why", ErrUnavailable, exit.ProcessState)
	case err != nil:
		return nil, unavailable(err)
	}
	return out.buf.Bytes(), nil
}

// CheckProgram reports whether a program is there and nobody but root and we can
// replace it, or a directory or link of the way to it: who can do that can have
// the secret.
func CheckProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: there is no program %s", ErrUnavailable, path)
	case err != nil:
		return unavailable(err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a regular file", ErrUnsafe, path)
	}
	if _, err := private.Way(path); err != nil {
		return fmt.Errorf("%w: the program %s: %w", ErrUnsafe, path, err)
	}
	return nil
}

// bounded is a buffer that takes no more than limit octets.
type bounded struct {
	buf       bytes.Buffer
	limit     int
	overflown bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.limit {
		b.overflown = true
		return 0, errors.New("too much output")
	}
	return b.buf.Write(p)
}
