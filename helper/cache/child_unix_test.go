//go:build unix

package cache

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// child runs this test again in a process of its own, prepared by prepare.
func child(t *testing.T, prepare func(*exec.Cmd)) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "cache-child-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "CACHE_TEST_CHILD=1", "TMPDIR="+dir)
	cmd.Dir = dir
	prepare(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in the child: %v\n%s", err, out)
	}
}

// Two ordinary users: nobody, who runs other tests as well, and one whom no other test uses.
const (
	nobody = 65534
	alone  = 65533
)

// asUser runs the test as an ordinary user, because root passes every check of
// modes and owners.
func asUser(t *testing.T, user int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary lies in a directory that only root may enter.
	dir, err := os.MkdirTemp("", "cache-user-*")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "cache.test")
	binary, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(copied, binary, 0o755)
	}
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "tmp"), 0o700), os.Chown(filepath.Join(dir, "tmp"), user, user))
	}
	if err != nil {
		t.Fatal(err)
	}
	child(t, func(cmd *exec.Cmd) {
		cmd.Path = copied
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "TMPDIR="+filepath.Join(dir, "tmp"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	})
}
