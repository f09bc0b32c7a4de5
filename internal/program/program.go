// Package program builds the program as it is released and creates temporary homes for
// tests and measurements. Only tests and scripts import it.
package program

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
)

// Links are the names under which tools call the front.
var Links = [...]string{"git-credential-credhelper", "docker-credential-credhelper", "credhelper-bazel"}

// Executables are the files of a release, the front first.
var Executables = [...]string{"credhelper", "credhelper-engine", "credhelper-plugin"}

// Flags returns the flags with which go build makes a release for a system: stripped, and
// on Linux, where cmd/internal/entry has code for the processor, a front that starts there.
func Flags(system, processor string) []string {
	const link = "-s -w -funcalign=8"
	flags := []string{"-trimpath", "-tags=grpcnotrace,nethttpomithttp2", "-ldflags=" + link}
	if system == "linux" && (processor == "amd64" || processor == "arm64") {
		flags = append(flags, "-ldflags=github.com/credhelper/credhelper/cmd/credhelper="+link+" -E=credhelper_entry")
	}
	return flags
}

// Build builds the executables into dir, exactly as they are released, with the links for
// tools beside them.
func Build(dir string) error {
	if err := Compile(dir); err != nil {
		return err
	}
	return Link(dir)
}

// Compile builds the executables into dir: without cgo, and on Linux not position-independent,
// because cgo and PIE each double the start-up time of the front. It must be called inside
// the module, or inside one that requires it.
func Compile(dir string) error {
	env, err := exec.Command("go", "env", "GOOS", "GOARCH").Output()
	if err != nil {
		return fmt.Errorf("go env GOOS GOARCH: %w", err)
	}
	source, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/credhelper/credhelper").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	system, processor, _ := strings.Cut(strings.TrimSpace(string(env)), "\n")
	cmd := exec.Command("go", append([]string{"build"}, Flags(system, processor)...)...)
	cmd.Args = append(cmd.Args, "-o", dir+"/")
	for _, name := range Executables {
		cmd.Args = append(cmd.Args, "./cmd/"+name)
	}
	cmd.Dir = strings.TrimSpace(string(source))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Link makes the links for tools beside the front in dir.
func Link(dir string) error {
	for _, name := range Links {
		if err := os.Symlink("credhelper", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Home is a separate home for the program: nothing of the person or machine that runs
// the test is read or changed.
type Home struct {
	Dir  string     // the value of CREDHELPER_HOME
	Bin  string     // directory of the executables
	Env  []string   // the whole environment of the program
	Dirs cache.Dirs // where its files are
}

// NewHome creates a home in the existing directory dir for the executables in bin. Its
// keyring is the encrypted file, opened by a key file.
func NewHome(dir, bin string) (*Home, error) {
	h, err := EmptyHome(dir, bin)
	if err == nil {
		_, err = h.Run("", "keyring", "use", "file")
	}
	return h, err
}

// EmptyHome creates a home without any setup: no keyring is chosen.
func EmptyHome(dir, bin string) (*Home, error) {
	h := &Home{Dir: dir, Bin: bin, Env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CREDHELPER_HOME=" + dir, "CREDHELPER_ETC=none", "LC_ALL=C.UTF-8", "CI=1",
	}}
	var err error
	h.Dirs, err = cache.FindDirs(func(name string) string {
		return map[string]string{"CREDHELPER_HOME": dir, "CREDHELPER_ETC": "none"}[name]
	}, os.Getuid())
	if err == nil {
		err = os.Chmod(dir, 0o755) // private, whatever the umask
	}
	return h, err
}

// Test is what TestHome needs of a *testing.T.
type Test interface {
	Helper()
	TempDir() string
	Cleanup(func())
	Fatal(args ...any)
}

// TestHome is NewHome for a test, with which the home ends.
func TestHome(t Test, bin string) *Home {
	t.Helper()
	return ending(t, bin, NewHome)
}

// EmptyTestHome is EmptyHome for a test, with which the home ends.
func EmptyTestHome(t Test, bin string) *Home {
	t.Helper()
	return ending(t, bin, EmptyHome)
}

func ending(t Test, bin string, create func(dir, bin string) (*Home, error)) *Home {
	t.Helper()
	h, err := create(t.TempDir(), bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// Command returns a call of credhelper, or of the link that the first argument names.
func (h *Home) Command(args ...string) *exec.Cmd {
	name := "credhelper"
	for _, link := range Links {
		if args[0] == link {
			name, args = link, args[1:]
			break
		}
	}
	cmd := exec.Command(filepath.Join(h.Bin, name), args...)
	cmd.Env, cmd.Dir = h.Env, h.Dir
	return cmd
}

// Run calls credhelper with a text on stdin and returns its stdout. An error includes
// stderr.
func (h *Home) Run(stdin string, args ...string) (stdout string, err error) {
	cmd := h.Command(args...)
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return out.String(), nil
}

// Profile is a client of a test server, for AddProfile.
type Profile struct {
	Name     string
	Origin   string   // "https://api.example.com"
	Also     []string // further origins
	TokenURL string
	ClientID string
	Secret   string // "": none is stored
	More     string // lines of TOML
}

// AddProfile provisions a profile as an administrator would: its file first, the secret
// later.
func (h *Home) AddProfile(p Profile) error {
	origins := fmt.Sprintf("%q", p.Origin)
	for _, also := range p.Also {
		origins += fmt.Sprintf(", %q", also)
	}
	text := fmt.Sprintf("preset = \"oauth2\"\norigins = [%s]\ntoken_url = %q\nclient_id = %q\n%s\n", origins, p.TokenURL, p.ClientID, p.More)
	if err := os.MkdirAll(h.Dirs.Profiles(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(h.Dirs.Profiles(), p.Name+".toml"), []byte(text), 0o600); err != nil {
		return err
	}
	if p.Secret == "" {
		return nil
	}
	_, err := h.Run(p.Secret, "rotate", p.Name, "--secret-stdin")
	return err
}

// Entries returns the sealed tokens of the home.
func (h *Home) Entries() []string {
	paths, _ := filepath.Glob(h.Dirs.Run() + "/t-*")
	return paths
}

// Age makes a profile's sealed token older, because a new one that is reported as
// refused is not replaced.
func (h *Home) Age(profile string, by time.Duration) error {
	s, err := cache.Open(h.Dirs)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	lock, err := s.Lock(ctx, profile)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	e, err := s.Get(cache.Whole(profile), nil)
	if err != nil {
		return err
	}
	e.Issued -= int64(by / time.Second)
	return s.Put(ctx, lock, e)
}

// Empty removes every sealed token, as if all had expired.
func (h *Home) Empty() error {
	for _, path := range h.Entries() {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// Close removes the home's key from the kernel keyring, which holds only some 200 keys
// per user. It leaves the directory.
func (h *Home) Close() {
	if s, err := cache.Open(h.Dirs); err == nil {
		_ = s.ForgetKey(context.Background())
		s.Close()
	}
}
