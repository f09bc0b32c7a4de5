package protocol_test

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestBareRequests: a dialect whose requests may name a host without its scheme, or no
// host, says in its row why the token does not go out in clear, or refuses; found by what
// the vectors ask, so that a new dialect cannot forget it.
func TestBareRequests(t *testing.T) {
	bare := map[string]string{}
	answered := 0
	for _, d := range protocol.Dialects {
		for _, v := range loadVectors(t, d.Name) {
			asked := strings.ReplaceAll(v.sections["call"]+v.sections["stdin"], `\/`, "/")
			if strings.Contains(asked, "://") || strings.Contains(asked, "protocol=") {
				continue
			}
			bare[d.Name] = v.id()
			if v.sections["answer"] == "" || v.sections["error"] != "" {
				continue
			}
			name, args, env := v.parts(t)
			chosen, call, _ := protocol.Choose(name, args, func(key string) string { return env[key] })
			got := play(chosen, call, []byte(expand(t, v.sections["stdin"])), newAnswerer(t, v.sections["credential"]))
			if got.request.Verb != protocol.Get {
				continue
			}
			answered++
			if d.Bare == "" {
				t.Errorf("%s: %s gets a token without saying a scheme, and the row does not say why it may", d.Name, v.id())
			}
		}
		if d.Bare != "" && bare[d.Name] == "" {
			t.Errorf("%s: no vector asks without a scheme, and the row says why that is safe", d.Name)
		}
	}
	if answered < 50 {
		t.Errorf("%d answers: the test is blind", answered)
	}
}
