//go:build tools

package tools

import (
	"os"
	"strings"
	"testing"
)

// npmModules returns the folder of an installed package of npm.
func npmModules(t *testing.T, variable string) string {
	t.Helper()
	dir := strings.TrimSuffix(os.Getenv(variable), "/.bin")
	if dir == "" {
		t.Fatalf("%s is not set: run scripts/test-tools", variable)
	}
	return dir
}

// TestDoorNodeClients: libraries of npm that have a token URL, an id and a secret.
func TestDoorNodeClients(t *testing.T) {
	for library, variable := range map[string]string{"simple-oauth2": "TOOL_SIMPLE", "openid-client": "TOOL_OPENID"} {
		t.Run(library, func(t *testing.T) {
			d, site := doorTo(t, hello)
			g := d.lend("work", "app")
			ask := func(secret string) result {
				return d.run(with("ID="+g.ID, "SECRET="+secret, "TOKEN_URL="+g.TokenURL), "node", testdata(t, "clients.mjs"), npmModules(t, variable), library, g.URL+"/x")
			}
			if r := ask(g.Secret); r.code != 0 || r.stdout != "200 hello\n" {
				t.Errorf("exit %d, %q\n%s", r.code, r.stdout, r.stderr)
			}
			site.served(t)
			if r := ask(wrong); r.code == 0 || !strings.Contains(r.stderr, "credhelper: ") {
				t.Errorf("with a wrong secret: exit %d, %q\n%s", r.code, r.stdout, r.stderr)
			}
			d.requests(1)
		})
	}
}
