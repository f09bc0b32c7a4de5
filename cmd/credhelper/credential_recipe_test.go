//go:build linux && realkeyring

package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recipe returns the shell blocks of a section of a page.
func recipe(t *testing.T, name, heading string) (blocks []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for part := range strings.SplitSeq(section, "\n```sh\n") {
		if block, _, whole := strings.Cut(part, "\n```\n"); whole {
			blocks = append(blocks, block)
		}
	}
	if !found || len(blocks) == 0 {
		t.Fatalf("docs/%s has no commands in %q: the test is blind", name, heading)
	}
	return blocks
}

// startTPM starts a TPM in software, and returns the device as systemd-creds names it.
func startTPM(t *testing.T) string {
	t.Helper()
	for range 20 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := first.Addr().(*net.TCPAddr).Port
		first.Close()
		tpm := exec.Command(need(t, "swtpm"), "socket", "--tpm2", "--server", fmt.Sprintf("port=%d", port), "--ctrl", fmt.Sprintf("type=tcp,port=%d", port+1),
			"--tpmstate", "dir="+t.TempDir(), "--flags", "not-need-init,startup-clear")
		if err := tpm.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = tpm.Wait(); close(ended) }()
		t.Cleanup(func() { _ = tpm.Process.Kill(); <-ended })
		for range 100 {
			if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port+1)); err == nil {
				conn.Close()
				return fmt.Sprintf("swtpm:host=127.0.0.1,port=%d", port)
			}
			select {
			case <-ended: // the ports were taken
			case <-time.After(50 * time.Millisecond):
				continue
			}
			break
		}
	}
	t.Fatal("swtpm does not start")
	return ""
}

// TestKeyringCredentialRecipe plays the commands of docs/keyrings.md: the key of the
// file keyring is sealed for this host, or for a TPM, and only a service that is given
// the credential opens the keyring.
func TestKeyringCredentialRecipe(t *testing.T) {
	blocks := recipe(t, "keyrings.md", "### A systemd credential")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of commands, want the host's and the TPM's", len(blocks))
	}
	creds := need(t, "systemd-creds")
	for i, with := range []string{"host", "tpm2"} {
		t.Run(with, func(t *testing.T) {
			server, h, tools := newServer(t), desktopHome(t, nil), t.TempDir()
			device := ""
			if with == "tpm2" {
				device = "--tpm2-device=" + startTPM(t)
			}
			// The page does not name the device: a real machine has only one.
			wrapper := "#!/bin/sh\nverb=$1; shift\nexec " + creds + " $verb " + device + " \"$@\"\n"
			if err := os.WriteFile(tools+"/systemd-creds", []byte(wrapper), 0o755); err != nil {
				t.Fatal(err)
			}
			sealed := filepath.Join(tools, "keyring.cred")
			home := filepath.Join(tools, "home")
			h.Env = []string{"PATH=" + tools + ":" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + home, "XDG_RUNTIME_DIR=/nonexistent",
				"SEALED=" + sealed, "SYSTEMD_CREDENTIAL_SECRET=" + tools + "/credential.secret", "LC_ALL=C.UTF-8"}
			exits(t, h, 0, "", "keyring", "use", "file")
			exits(t, h, 0, secretA, addArgs(server)...)
			sh := func(script string) {
				t.Helper()
				cmd := exec.Command("/bin/sh", "-euc", script)
				cmd.Env = h.Env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v: %s", script, err, out)
				}
			}
			sh(blocks[i])
			nowhere(t, home, "AGE-SECRET-KEY-1")
			exits(t, h, 0, "", "cache", "clear")
			exits(t, h, 5, "", "token", "jama")

			// What systemd does with LoadCredentialEncrypted=.
			given := filepath.Join(tools, "credentials")
			sh("umask 077; mkdir " + given + "; systemd-creds decrypt --name=credhelper-keyring " + sealed + " " + given + "/credhelper-keyring")
			h.Env = append(h.Env, "CREDENTIALS_DIRECTORY="+given)
			if r := exits(t, h, 0, "", "token", "jama"); !server.knows(r.token()) {
				t.Errorf("token: %q", r.stdout)
			}
			if r := exits(t, h, 0, "", "doctor"); !strings.Contains(r.stdout, "opened by a systemd credential") {
				t.Errorf("doctor: %s", r.stdout)
			}
		})
	}
}
