package protocol_test

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

// bareIsSafe says of each dialect whose requests may name a host without a scheme, or only
// a profile, why no token is sent in clear all the same.
var bareIsSafe = map[string]string{
	"docker":         "a host is https, and one to which these clients may speak http is given nothing unless the profile says so",
	"get":            "whoever names a profile and no URL takes the token, and decides where it goes",
	"goauth":         "the answer to no URL names the profile's https places, and the go command uses it for no other",
	"header":         "whoever names a profile and no URL takes the token, and decides where it goes",
	"kubectl":        "without a cluster the kubeconfig decides, whose user's credentials client-go only uses over TLS (tools/clientcmd)",
	"mcp":            "a client that says no URL has the profile named in its own settings, beside the server's URL",
	"pnpm":           "the owner's own .npmrc says for which host; it cannot say that this is by https only (docs/dialects/pnpm.md)",
	"python-keyring": "a host without a scheme is refused",
	"reject":         "nothing is given out",
	"terraform":      "a host is https: both tools find a host's services by https only (terraform-svchost disco)",
	"token":          "whoever names a profile and no URL takes the token, and decides where it goes",
}

// TestBareRequests: bareIsSafe has a row for each dialect that needs one. Which need one
// follows from the requests in their vectors, so a new dialect cannot be forgotten.
func TestBareRequests(t *testing.T) {
	bare := map[string]string{}
	answered := 0
	for _, d := range protocol.Dialects {
		for _, v := range loadVectors(t, d.Name) {
			asked := strings.ReplaceAll(v.sections["call"]+v.sections["stdin"], `\/`, "/")
			if strings.Contains(asked, "://") || strings.Contains(asked, "protocol=") {
				continue
			}
			bare[d.Name] = v.id
			if v.sections["answer"] == "" || v.sections["error"] != "" {
				continue
			}
			name, args, env := v.parts(t)
			chosen, call, _ := protocol.Choose(name, args, func(key string) string { return env[key] })
			got := play(chosen, call, []byte(vectortest.Expand(t, v.sections["stdin"])), newAnswerer(t, v.sections["credential"]))
			if got.request.Verb != protocol.Get {
				continue
			}
			answered++
			if bareIsSafe[d.Name] == "" {
				t.Errorf("%s: %s is answered without a scheme, and bareIsSafe does not say why that is safe", d.Name, v.id)
			}
		}
		if bareIsSafe[d.Name] != "" && bare[d.Name] == "" {
			t.Errorf("%s: no vector asks without a scheme, but bareIsSafe has a row", d.Name)
		}
	}
	if answered < 50 {
		t.Errorf("%d answers: the test is blind", answered)
	}
}
