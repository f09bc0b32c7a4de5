//go:build containers

package containers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/internal/program"
)

// built is the directory of the executables and of contained.
var built string

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func testMain(m *testing.M) (int, error) {
	if os.Geteuid() != 0 {
		return 1, fmt.Errorf("these tests make containers of several users, which needs root: run scripts/test containers")
	}
	dir, err := os.MkdirTemp("", "credhelper-containers-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	built = dir
	if err := program.Compile(built); err != nil {
		return 1, err
	}
	contained := exec.Command("go", "build", "-o", built+"/", "./contained")
	contained.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := contained.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build ./contained: %v\n%s", err, out)
	}
	return m.Run(), os.Chmod(dir, 0o755)
}

// A container is an image with its volumes, and the commands that run in it.
type container struct {
	t       *testing.T
	image   string
	environ []string
	mounts  []string // arguments of bwrap
	outer   []string // what starts bwrap: a program and its arguments; nothing: root
	noProc  bool
	user    []string // arguments of bwrap for a user namespace
}

// randomUser is a user as OpenShift gives them: without a name, in root's group.
const randomUser = "1000680000:0"

// newContainer lays out the image that the Containerfile describes, which is read-only, with
// the memory that runtimes give to every container.
func newContainer(t *testing.T) *container {
	t.Helper()
	image := t.TempDir()
	c := &container{t: t, image: image, mounts: []string{"--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"}}
	for above := image; above != "/tmp" && above != "/"; above = filepath.Dir(above) {
		if err := os.Chmod(above, 0o755); err != nil { // for the users of the container
			t.Fatal(err)
		}
	}
	f, err := os.Open("../../examples/kubernetes/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		word := strings.Fields(lines.Text())
		if len(word) == 0 {
			continue
		}
		switch word[0] {
		case "COPY":
			to := word[len(word)-1]
			for _, name := range word[1 : len(word)-1] {
				c.copy(filepath.Join(built, name), to+name)
			}
		case "ENV":
			c.environ = append(c.environ, word[1])
		}
	}
	if len(c.environ) == 0 {
		t.Fatal("the Containerfile sets no PATH: this test reads it wrongly")
	}
	c.copy(filepath.Join(built, "contained"), "/contained")
	for _, dir := range []string{"proc", "dev", "tmp", "data", "etc/credhelper/profiles", "run/credhelper", "run/secrets/jama", "run/secrets/tokens", "shared"} {
		if err := os.MkdirAll(filepath.Join(image, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// copy puts a file into the image; the certificates, which a test may replace, are empty.
func (c *container) copy(from, to string) {
	c.t.Helper()
	content, err := os.ReadFile(from)
	if filepath.Base(from) == "ca-certificates.crt" {
		err = nil
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(to, string(content), 0o755)
}

// write puts a file into the image.
func (c *container) write(to, content string, mode os.FileMode) {
	c.t.Helper()
	path := filepath.Join(c.image, to)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		c.t.Fatal(err)
	}
}

// volume mounts an empty volume in memory, with this mode.
func (c *container) volume(path, mode string) {
	c.mounts = append(c.mounts, "--perms", mode, "--tmpfs", path)
}

// answer is what a command did.
type answer struct {
	Stdout, Stderr string
	Code           int
}

// run runs commands in the container, as contained describes them, and returns what each did.
func (c *container) run(args ...string) []answer {
	c.t.Helper()
	bwrap := append([]string{}, c.outer...)
	bwrap = append(bwrap, "bwrap", "--clearenv", "--ro-bind", c.image, "/", "--die-with-parent", "--unshare-pid", "--as-pid-1")
	bwrap = append(bwrap, c.user...)
	if !c.noProc {
		bwrap = append(bwrap, "--proc", "/proc")
	}
	bwrap = append(bwrap, c.mounts...)
	for _, entry := range c.environ {
		name, value, _ := strings.Cut(entry, "=")
		bwrap = append(bwrap, "--setenv", name, value)
	}
	bwrap = append(append(bwrap, "/contained"), args...)
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bwrap[0], bwrap[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var answers []answer
	for decoder := json.NewDecoder(&stdout); decoder.More(); {
		var a answer
		if err := decoder.Decode(&a); err != nil {
			c.t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if err != nil {
		c.t.Fatalf("%s: %v\n%s%+v", strings.Join(args, " "), err, stderr.String(), answers)
	}
	return answers
}

// wants runs one command as a user without a name, and checks its exit code.
func (c *container) wants(code int, stderr string, args ...string) answer {
	c.t.Helper()
	return c.check(code, stderr, c.run(append([]string{"keys=refused", randomUser}, args...)...)[0])
}

// check checks an exit code, and that stderr holds a text; "" is no line at all.
func (c *container) check(code int, stderr string, a answer) answer {
	c.t.Helper()
	if a.Code != code || !strings.Contains(a.Stderr, stderr) || stderr == "" && a.Stderr != "" {
		c.t.Errorf("exit %d, want %d and %q\nstdout: %s\nstderr: %s", a.Code, code, stderr, a.Stdout, a.Stderr)
	}
	return a
}

// newServer starts Jama's authorization server and gives the image a profile for it, and
// its secret.
func (c *container) newServer() *oauthtest.Server {
	c.t.Helper()
	s := oauthtest.Start(c.t, oauthtest.Options{
		Product: "jama", Clients: []oauthtest.Client{{ID: "demo", Secret: "s3cret of the test"}},
	})
	c.write("/run/secrets/jama/client_secret", "s3cret of the test", 0o444)
	c.write("/etc/credhelper/profiles/jama.toml", fmt.Sprintf(
		"preset = \"jama\"\nurl = %q\nclient_id = \"demo\"\nsecret = [\"file\", \"/run/secrets/jama/client_secret\"]\n", s.URL()), 0o644)
	return s
}
