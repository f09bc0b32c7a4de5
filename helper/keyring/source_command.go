package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/private"
	"github.com/credhelper/credhelper/protocol/secret"
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

// childEnviron keeps the childVariables of environ and those of names. Relative and
// empty parts of PATH are left out: they would mean the current directory (T5).
func childEnviron(environ, names []string) []string {
	var kept []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.Contains(childVariables[:], name) && !slices.Contains(names, name) {
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

// RunCommand returns what a command writes to stdout, at most MaxSecret bytes;
// argv[0] is absolute, and around says what it gets of the environment. There is no
// shell; stdin is empty. The command has a process group of its own, which is killed
// when its time is over, when it writes too much, and when it leaves a child behind
// that holds its stdout.
func RunCommand(ctx context.Context, argv []string, around Surroundings) ([]byte, error) {
	if err := CheckProgram(argv[0]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	out := &bounded{limit: MaxSecret}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = childEnviron(around.Environ, around.Names)
	cmd.Dir = string(filepath.Separator)
	cmd.Stdout = out
	cmd.WaitDelay = 250 * time.Millisecond
	ownGroup(cmd)
	stderr := listen(cmd, around.Failed != nil)
	err := cmd.Start()
	if err != nil {
		stderr()
		return nil, unavailable(err)
	}
	err = outcome(ctx, cmd, out, cmd.Wait())
	said := stderr()
	if err != nil {
		if around.Failed != nil {
			around.Failed(secret.New(out.buf.String()), secret.New(said))
		}
		return nil, err
	}
	return out.buf.Bytes(), nil
}

// outcome is how a command ended; waited is what Wait returned.
func outcome(ctx context.Context, cmd *exec.Cmd, out *bounded, waited error) error {
	var exit *exec.ExitError
	switch {
	case out.overflown:
		_ = killGroup(cmd)
		return fmt.Errorf("%w: it wrote more than %d bytes", ErrInvalid, out.limit)
	case ctx.Err() != nil && waited != nil:
		return fmt.Errorf("%w: it did not end within %v", ErrUnavailable, commandLimit)
	case errors.Is(waited, exec.ErrWaitDelay):
		_ = killGroup(cmd)
		return fmt.Errorf("%w: it left a process behind that holds its output", ErrUnavailable)
	case errors.As(waited, &exit):
		return fmt.Errorf("%w: it failed (%v)", ErrUnavailable, exit.ProcessState)
	case waited != nil:
		return unavailable(waited)
	}
	return nil
}

// longestComplaint is as much of a command's stderr as is kept.
const longestComplaint = 4 << 10

// listen gives the command a pipe for its stderr, and returns what ends it and gives
// the first of what came. It is no writer of the command's, because a process that the
// command leaves behind may hold stderr without holding us.
func listen(cmd *exec.Cmd, wanted bool) (end func() string) {
	if !wanted {
		return func() string { return "" }
	}
	r, w, err := os.Pipe()
	if err != nil { // what it says is not worth failing for
		return func() string { return "" }
	}
	cmd.Stderr = w
	heard := make(chan string, 1)
	go func() {
		first, _ := io.ReadAll(io.LimitReader(r, longestComplaint))
		_, _ = io.Copy(io.Discard, r)
		heard <- string(first)
	}()
	return func() string {
		w.Close()
		_ = r.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		defer r.Close()
		return <-heard
	}
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

// bounded is a buffer that takes no more than limit bytes.
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
