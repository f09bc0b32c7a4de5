package main

import (
	"os"
	"strings"
	"testing"
)

const strangersDocument = `credhelper = 1
[profiles.ci]
client_id = "x"
token_url = "https://login.example/token"
grant = "token_exchange"
subject_token = ["env", "CI_JOB_TOKEN"]
`

// TestImportAsksAboutEach: import shows each file and command of this machine that a
// document names, and asks about it; any answer but yes adds nothing.
func TestImportAsksAboutEach(t *testing.T) {
	for _, c := range []struct {
		name, more, answer, says string
		code                     int
	}{
		{"yes", "", "y\n", "Added ci", 0},
		{"no", "", "n\n", "subject_token was not agreed to; nothing was added", 9},
		{"ctrl-d", "", "\x04", "was not agreed to; nothing was added", 9},
		{"the second is refused", "ca_file = \"/etc/ssl/cert.pem\"\n", "y\n", `ca_file = ["file" "/etc/ssl/cert.pem"]`, 9},
		{"too long to be shown", "assertion = { from = [\"command\", \"/bin/sh\", \"-c\", \"" + strings.Repeat(" ", 2000) + "evil\"] }\n", "y\n", "too long to be shown", 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := newHome(t)
			document := home + "/document.toml"
			if err := os.WriteFile(document, []byte(strangersDocument+c.more), 0o600); err != nil {
				t.Fatal(err)
			}
			p := sit(t, home, "import", document, "--allow-local-sources")
			if c.more == "" {
				p.see(`profile ci: subject_token = ["env" "CI_JOB_TOKEN"]: is this profile to run or read it at each fetch, and its server to get the result? [y/N] `)
				p.types(c.answer)
			} else {
				p.see("[y/N] ")
				p.types(c.answer)
				if strings.Contains(c.says, "ca_file") {
					p.see("ca_file")
					p.types("n\n")
				}
			}
			if code := p.ends(); code != c.code || !strings.Contains(p.screen.String(), c.says) {
				t.Errorf("exit %d: %s", code, p.screen.String())
			}
			if _, err := os.Stat(home + "/config/profiles/ci.toml"); (err == nil) != (c.code == 0) {
				t.Errorf("added: %v", err == nil)
			}
		})
	}
}
