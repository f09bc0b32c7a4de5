//go:build linux && realkeyring

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const sops = `#!/bin/sh -eu
case "$1 $2" in
"-e --age") exec age -e -a -r "$3" "$4" ;;
"-d --extract") [ "$3" = '["client_secret"]' ] && age -d -i "$SOPS_AGE_KEY_FILE" "$4" | sed -n 's/^client_secret: //p' ;;
*) exit 1 ;;
esac
`

// TestKeyringSourceRecipes plays the commands of docs/sources.md: a secret that another
// program seals, and a profile that has it opened at each fetch. sops is a stand-in that
// takes the same words and finds its key by the same variable: Debian has no package of
// it.
func TestKeyringSourceRecipes(t *testing.T) {
	for _, c := range []struct{ heading, prepare string }{
		{"## A file sealed with age", `age-keygen -o key.txt 2>/dev/null; RECIPIENT=$(age-keygen -y key.txt)`},
		{"## A systemd credential", ``},
		{"## pass", `gpg --batch --quiet --pinentry-mode loopback --passphrase "" --quick-generate-key t@example.com future-default default never
			pass init t@example.com >/dev/null`},
		{"## sops", `age-keygen -o key.txt 2>/dev/null; RECIPIENT=$(age-keygen -y key.txt); export SOPS_AGE_KEY_FILE=$DIR/key.txt
			echo "client_secret: $(cat client-secret)" >secrets.yaml; cp "$STAND_IN" sops; SOPS=$DIR/sops; PATH=$DIR:$PATH`},
	} {
		t.Run(strings.TrimPrefix(c.heading, "## "), func(t *testing.T) {
			for _, tool := range []string{"age", "age-keygen", "systemd-creds", "pass", "gpg"} {
				need(t, tool)
			}
			server := newServer(t)
			dir, err := os.MkdirTemp("", "ch") // short: the socket of gpg's agent has 107 bytes
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			env := []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + dir, "GNUPGHOME=" + dir, "PASSWORD_STORE_DIR=" + dir + "/store", "DIR=" + dir,
				"XDG_RUNTIME_DIR=/nonexistent", "LC_ALL=C.UTF-8", "CREDHELPER_HOME=" + filepath.Join(dir, "home"), "CI=1", "CREDHELPER_ETC=none"}
			if err := os.WriteFile(dir+"/client-secret", []byte(secretA+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			standIn := filepath.Join(t.TempDir(), "sops")
			if err := os.WriteFile(standIn, []byte(sops), 0o700); err != nil {
				t.Fatal(err)
			}
			env = append(env, "STAND_IN="+standIn)
			add := "--preset oauth2 --set token_url=" + server.URL + "/token"
			blocks := recipe(t, "sources.md", c.heading)
			script := c.prepare + "\n" + strings.ReplaceAll(strings.Join(blocks, "\n"), `--preset jama --url "$URL"`, add) + "\ncredhelper token work\nrm client-secret\n"
			cmd := exec.Command("/bin/sh", "-euc", "ID=client; cd $DIR\n"+script)
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "gpg-agent").Run()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if err != nil || !server.knows(lines[len(lines)-1]) {
				t.Fatalf("%v: %s", err, out)
			}
			nowhere(t, dir+"/home", secretA)
		})
	}
}
