//go:build release

package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// emulators are the architectures of other processors than this machine's, with Debian's
// name of the emulator for each.
var emulators = []struct{ system, emulator string }{
	{"linux/s390x", "s390x"}, // the highest byte first
	{"linux/armv7", "arm"},   // 32 bits
	{"linux/arm64", "aarch64"},
	{"linux/riscv64", "riscv64"},
	{"linux/ppc64le", "ppc64le"},
}

// TestEmulated: the archive of each architecture, unpacked into a prefix, adds a profile,
// gets a token and answers git, with one request. With -short only a big-endian and a
// 32-bit architecture are tested.
func TestEmulated(t *testing.T) {
	list := emulators
	if testing.Short() {
		list = list[:2]
	}
	for _, e := range list {
		t.Run(e.system, func(t *testing.T) { unpackedAndUsed(t, e.system, e.emulator) })
	}
}

// TestNative: the same for the architectures that this processor runs, including 32 bits.
func TestNative(t *testing.T) {
	for _, system := range []string{"linux/amd64", "linux/386"} {
		t.Run(system, func(t *testing.T) { unpackedAndUsed(t, system, "") })
	}
}

// unpackedAndUsed installs an archive as README says, and uses it. The front runs the
// engine, so the kernel must know the emulator: in a user namespace, so that nothing of
// this machine is changed (Linux 6.7 or later).
func unpackedAndUsed(t *testing.T, system, emulator string) {
	home, s := t.TempDir(), server(t)
	script := unpackLine(t, filepath.Join(dist, archives(t)[system])) + "\n" + strings.Join([]string{
		"credhelper version", "credhelper keyring use file", adds(s), "credhelper token work",
		"printf 'protocol=https\\nhost=api.example.com\\n\\n' | git-credential-credhelper get", "credhelper doctor || test $? = 9", "credhelper help git | head -n 3",
	}, "\n")
	cmd := exec.Command("bash", "-euc", script)
	if emulator != "" {
		row := strings.TrimSpace(string(read(t, "/usr/lib/binfmt.d/qemu-"+emulator+".conf")))
		cmd = exec.Command("unshare", "-Urm", "bash", "-euc", "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc\necho '"+row+"' > /proc/sys/fs/binfmt_misc/register\n"+script)
	}
	cmd.Env = []string{"HOME=" + home, "PATH=" + home + "/.local/bin:" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	for _, w := range []string{fmt.Sprintf("credhelper %s (", version), system[:strings.LastIndexByte(system, '/')], "password="} {
		if !strings.Contains(string(out), w) {
			t.Errorf("no %q", w)
		}
	}
	if err != nil || s.Count() != 1 || t.Failed() {
		t.Errorf("%v, %d requests\n%s", err, s.Count(), out)
	}
}
