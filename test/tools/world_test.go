//go:build tools

package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// built is the directory with the executables; suite the one with Debian 13's git and
// kubectl.
var built, suite string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if len(os.Args) == 4 && os.Args[1] == azureWord {
		return azureClient(os.Args[2], os.Args[3])
	}
	suite = os.Getenv("TOOL_SUITE")
	if suite == "" {
		fmt.Fprintln(os.Stderr, "the tools are not installed: run scripts/test-tools, which also runs these tests")
		return 1
	}
	dir, err := os.MkdirTemp("", "credhelper-tools-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = dir
	if err = program.Compile(built); err == nil {
		err = makeAuthority(filepath.Join(built, "ca.pem"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// world is a temporary home of a user who has installed credhelper, and the authorization
// server of this user's profiles.
type world struct {
	t    *testing.T
	home string
	bin  string // the executables and links that a test makes; first in PATH, setup's ~/.local/bin next
	env  []string
	// short is a directory with a path of at most 50 bytes, which podman needs; "" until it
	// is needed.
	short string
	auth  *oauthtest.Server
}

// newWorld makes a home without a profile.
func newWorld(t *testing.T) *world {
	t.Helper()
	auth := oauthtest.Start(t, oauthtest.Options{})
	dir := t.TempDir()
	w := &world{t: t, home: dir + "/home", bin: dir + "/bin", auth: auth}
	for _, d := range []string{w.home, w.home + "/tmp", w.bin} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range program.Executables {
		if err := copyFile(filepath.Join(built, name), filepath.Join(w.bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{
		"HOME=" + w.home,
		"TMPDIR=" + w.home + "/tmp",
		"XDG_RUNTIME_DIR=" + w.home + "/tmp",
		"CREDHELPER_HOME=" + dir + "/credhelper",
		"PATH=" + strings.Join([]string{w.bin, w.home + "/.local/bin", os.Getenv("TOOL_PATH"), os.Getenv("PATH")}, ":"),
		"LC_ALL=C.UTF-8",
		"SSL_CERT_FILE=" + authorityFile(),
	}
	if err := os.Mkdir(dir+"/credhelper", 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func authorityFile() string { return filepath.Join(built, "ca.pem") }

func copyFile(from, to string, mode os.FileMode) error {
	if os.Link(from, to) == nil {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, mode)
}

// profile adds a profile for one origin, as a user does; more are flags of add.
func (w *world) profile(name, origin string, more ...string) {
	w.t.Helper()
	args := []string{"add", name, "--preset", "oauth2", "--client-id", "client", "--secret-stdin", "--no-verify",
		"--set", "token_url=" + w.auth.TokenURL(), "--set", "username=oauth2", "--set", "origins=" + origin}
	if r := w.run(input("secret\n"), append(append([]string{"credhelper"}, args...), more...)...); r.code != 0 {
		w.t.Fatalf("credhelper add: exit %d\n%s", r.code, r.stderr)
	}
}

// setup configures a tool with credhelper setup.
func (w *world) setup(args ...string) {
	w.t.Helper()
	r := w.run(nil, append([]string{"credhelper", "setup"}, append(args, "--write")...)...)
	if r.code != 0 {
		w.t.Fatalf("credhelper setup %v: exit %d\n%s", args, r.code, r.stderr)
	}
}

// link makes a link to credhelper with another name.
func (w *world) link(name string) string {
	w.t.Helper()
	path := filepath.Join(w.bin, name)
	if err := os.Symlink("credhelper", path); err != nil && !errors.Is(err, os.ErrExist) {
		w.t.Fatal(err)
	}
	return path
}

// write makes a file below the home.
func (w *world) write(name, content string) string {
	w.t.Helper()
	path := name
	if !filepath.IsAbs(name) {
		path = filepath.Join(w.home, name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// edit replaces every occurrence of a text in a file below the home.
func (w *world) edit(name, old, now string) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		w.t.Fatalf("%s: no %q in\n%s", name, old, content)
	}
	w.write(name, strings.ReplaceAll(string(content), old, now))
}

// append adds to a file below the home.
func (w *world) append(name, more string) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name, string(content)+more)
}

// printed returns what setup prints for a tool that it cannot configure itself.
func (w *world) printed(args ...string) string {
	w.t.Helper()
	return w.ok(nil, append([]string{"credhelper", "setup"}, args...)...)
}

// setenv sets variables for all further commands.
func (w *world) setenv(variables ...string) {
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		w.env = slices.DeleteFunc(w.env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		w.env = append(w.env, v)
	}
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
}

// shows fails unless stderr has a text, such as the reason for a failure.
func (r result) shows(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(r.stderr, text) {
		t.Errorf("stderr does not show %q: %s", text, r.stderr)
	}
}

// option changes a command before it starts.
type option func(*exec.Cmd)

func input(text string) option { return func(c *exec.Cmd) { c.Stdin = strings.NewReader(text) } }
func in(dir string) option     { return func(c *exec.Cmd) { c.Dir = dir } }

func with(variables ...string) option {
	return func(c *exec.Cmd) { c.Env = append(c.Env, variables...) }
}

func all(options ...option) option {
	return func(c *exec.Cmd) {
		for _, o := range options {
			if o != nil {
				o(c)
			}
		}
	}
}

// run runs a command in the home, with its environment and no other.
func (w *world) run(o option, argv ...string) result {
	w.t.Helper()
	path, err := w.find(argv[0])
	if err != nil {
		w.t.Fatalf("%v: install it with scripts/test-tools install", err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.WaitDelay = time.Second
	cmd.Dir, cmd.Env = w.home, w.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if o != nil {
		o(cmd)
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("%s: %v", strings.Join(argv, " "), err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// find searches the PATH of the commands, not ours.
func (w *world) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, v := range w.env {
		list, ok := strings.CutPrefix(v, "PATH=")
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); ok && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s is missing", name)
}

// ok runs a command that must succeed.
func (w *world) ok(o option, argv ...string) string {
	w.t.Helper()
	r := w.run(o, argv...)
	if r.code != 0 {
		w.t.Fatalf("%s: exit %d\n%s%s", strings.Join(argv, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// fails runs a command that must not succeed.
func (w *world) fails(o option, argv ...string) result {
	w.t.Helper()
	r := w.run(o, argv...)
	if r.code == 0 {
		w.t.Errorf("%s: succeeded, it must not\n%s%s", strings.Join(argv, " "), r.stdout, r.stderr)
	}
	return r
}

// token returns what the next tool would get for a profile.
func (w *world) token(profile string) string {
	w.t.Helper()
	return strings.TrimSpace(w.ok(nil, "credhelper", "token", profile))
}

// outlived makes the cached token of a profile two minutes older: in its first minute a
// token is not dropped when it is reported as refused.
func (w *world) outlived(profile string) {
	w.t.Helper()
	env := func(name string) string {
		for _, entry := range w.env {
			if value, found := strings.CutPrefix(entry, name+"="); found {
				return value
			}
		}
		return ""
	}
	dirs, err := cache.FindDirs(env, os.Getuid())
	if err == nil {
		err = (&program.Home{Dirs: dirs}).Age(profile, 2*time.Minute)
	}
	if err != nil {
		w.t.Error(err)
	}
}

// revoke revokes every token at the authorization server. That of the profile work becomes
// some minutes old.
func (w *world) revoke() {
	w.outlived("work")
	w.auth.RevokeAll()
}

// refuseSecret changes the secret at the authorization server only.
func (w *world) refuseSecret() { w.auth.SetClient(oauthtest.Client{ID: "client", Secret: "changed"}) }

// good asks the authorization server's own API whether a token is valid now.
func (w *world) good(token string) bool {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.auth.URL()+"/me", nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// requests fails unless the authorization server saw that many token requests.
func (w *world) requests(want int) {
	w.t.Helper()
	if got := w.auth.Count(); got != want {
		w.t.Errorf("the authorization server saw %d token requests, want %d", got, want)
	}
}
