package keyring

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/trust"
	"github.com/credhelper/credhelper/protocol/secret"
)

// commandLimit is the time limit of a command.
const commandLimit = 3 * time.Second

// handTime is how long output that a command wrote before it ended may take to be read.
// It only passes where a process that was left behind holds the pipe; a busy machine may
// need some of it.
const handTime = 2 * time.Second

// childVariables are the environment variables that a command gets, if they are set:
// those that the usual tools (gpg, pass, secret-tool, op, vault) need to find their
// files and agents, and no others (security.md T7).
var childVariables = [...]string{
	"HOME", "USER", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE",
	"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
	"DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "PASSWORD_STORE_DIR", "SSH_AUTH_SOCK",
	"SystemRoot", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "TEMP", "TMP", "PATHEXT", "ComSpec",
}

// childEnviron returns the childVariables of environ and those in names. Relative and
// empty elements of PATH are removed, because they would mean the current directory
// (T5). It never returns nil, with which a command would get all of this process's.
func childEnviron(environ, names []string) []string {
	rest := []string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		is := func(other string) bool { return sameVariable(name, other) }
		if !slices.ContainsFunc(childVariables[:], is) && !slices.ContainsFunc(names, is) {
			continue
		}
		if is("PATH") {
			parts := slices.DeleteFunc(filepath.SplitList(value), func(p string) bool { return !filepath.IsAbs(p) })
			entry = name + "=" + strings.Join(parts, string(filepath.ListSeparator))
		}
		rest = append(rest, entry)
	}
	return rest
}

// ChildEnviron is what the commands of a keyring get of the environment that env knows.
func ChildEnviron(env func(name string) string) []string {
	var environ []string
	for _, name := range childVariables {
		if value := env(name); value != "" {
			environ = append(environ, name+"="+value)
		}
	}
	return childEnviron(environ, nil)
}

// RunCommand returns the stdout of a command, at most MaxSecret bytes; argv[0] is
// absolute. There is no shell, and stdin is empty unless around has it. The command has its own process
// group, which is killed when the time limit is exceeded, when it writes too much, and
// when it leaves a child behind that holds its stdout.
func RunCommand(ctx context.Context, argv []string, around Surroundings) ([]byte, error) {
	if err := CheckProgram(argv[0]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, commandLimit, errCommandLimit)
	defer cancel()
	out := &limitedBuffer{limit: MaxSecret}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = childEnviron(around.Environ, around.Names)
	cmd.Dir = string(filepath.Separator)
	if around.Stdin != nil {
		cmd.Stdin = bytes.NewReader(around.Stdin)
	}
	cmd.Stdout = out
	cmd.WaitDelay = handTime
	ownGroup(cmd)
	if err := ForBatch(cmd); err != nil {
		return nil, err
	}
	stderr := listen(cmd, around.Failed != nil)
	err := cmd.Start()
	if err != nil {
		stderr(false)
		if ctx.Err() != nil {
			return nil, outOfTime(ctx)
		}
		if errors.Is(err, exec.ErrNotFound) { // on Windows, whose words are of %PATH%
			return nil, problem(ErrUnavailable, "Windows does not start it, because its name does not end in .exe, .bat or .cmd")
		}
		return nil, unavailable(err)
	}
	err = outcome(ctx, cmd, out, cmd.Wait())
	text := stderr(err != nil)
	if err != nil {
		if around.Failed != nil {
			around.Failed(secret.New(out.buf.String()), secret.New(text))
		}
		return nil, err
	}
	return out.buf.Bytes(), nil
}

// errCommandLimit is the cause where a command took all of its own time.
var errCommandLimit = errors.New("the limit of a command")

// outOfTime returns the error for a command whose time is over.
func outOfTime(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errCommandLimit) {
		return problem(ErrUnavailable, "it did not end within %v", commandLimit)
	}
	return problem(ErrUnavailable, "there was no time left for it: the call had to end")
}

// outcome returns the result of a command; waited is the error of Wait.
func outcome(ctx context.Context, cmd *exec.Cmd, out *limitedBuffer, waited error) error {
	var exit *exec.ExitError
	switch {
	case out.overflown:
		_ = killGroup(cmd)
		return problem(ErrInvalid, "it wrote more than %d bytes", out.limit)
	case ctx.Err() != nil && waited != nil:
		return outOfTime(ctx)
	case errors.Is(waited, exec.ErrWaitDelay):
		_ = killGroup(cmd)
		return problem(ErrUnavailable, "it left a process behind that keeps its output open")
	case errors.As(waited, &exit):
		return problem(ErrUnavailable, "it failed (%w)", exit)
	case waited != nil:
		return unavailable(waited)
	}
	return nil
}

// longestComplaint is how much of a command's stderr is kept.
const longestComplaint = 4 << 10

// listen gives the command a pipe for its stderr. end closes it and returns the first
// part of the output, if that is wanted. It does not use exec.Cmd's own copying, because a
// process that the command leaves behind could hold stderr open and block us.
func listen(cmd *exec.Cmd, possible bool) (end func(wanted bool) string) {
	if !possible {
		return func(bool) string { return "" }
	}
	r, w, err := os.Pipe()
	if err != nil { // what it says is not worth failing for
		return func(bool) string { return "" }
	}
	cmd.Stderr = w
	heard := make(chan string, 1)
	go func() {
		first, _ := io.ReadAll(io.LimitReader(r, longestComplaint))
		_, _ = io.Copy(io.Discard, r)
		heard <- string(first)
	}()
	return func(wanted bool) string {
		w.Close()
		defer r.Close()
		if !wanted {
			return ""
		}
		_ = r.SetReadDeadline(time.Now().Add(handTime))
		return <-heard
	}
}

// CheckProgram reports whether a program exists and no one but root and us can replace
// it, or a directory or link on its path: whoever can do that can get the secret.
func CheckProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problem(ErrUnavailable, "there is no program %s", path)
	case err != nil:
		return unavailable(err)
	case !info.Mode().IsRegular():
		return problem(ErrUnsafe, "%s is not a regular file", path)
	}
	if _, err := trust.Way(path); err != nil {
		return problem(ErrUnsafe, "the program %s: %w", path, err)
	}
	return nil
}

// FindProgram is the absolute path of a program that nobody else can replace: the
// chosen one, or the one called name in path, which must not depend on the current
// directory.
func FindProgram(name, chosen, path string) (string, error) {
	if chosen != "" {
		if !filepath.IsAbs(chosen) {
			return "", problem(ErrInvalid, "%s program %q is not an absolute path", name, chosen)
		}
		return chosen, CheckProgram(chosen)
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			return "", problem(ErrUnsafe, "PATH holds %q, which depends on the current directory", folder)
		}
	}
	for _, folder := range filepath.SplitList(path) {
		if program, err := exec.LookPath(filepath.Join(folder, name)); err == nil { // on Windows with its .exe
			return program, CheckProgram(program)
		}
	}
	return "", problem(ErrUnavailable, "there is no program %s in PATH", name)
}

// limitedBuffer is a buffer of at most limit bytes.
type limitedBuffer struct {
	buf       bytes.Buffer
	limit     int
	overflown bool
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.limit {
		b.overflown = true
		return 0, errors.New("too much output")
	}
	return b.buf.Write(p)
}
