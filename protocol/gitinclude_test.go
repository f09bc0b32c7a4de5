package protocol_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestGitIncludeOrder: git adds the header of a later section to that of an
// earlier one only if the later is the more special, so special ones come first;
// what git does not speak is left out.
func TestGitIncludeOrder(t *testing.T) {
	at := slices.IndexFunc(protocol.Dialects[:], func(d *protocol.Dialect) bool { return d.Name == "header" })
	answer, err := protocol.Dialects[at].Encode(protocol.Request{Shape: "git-include"}, protocol.Credential{
		Scheme: "Bearer", Secret: secret.New("t0k"), Expires: 1,
		Origins: []string{"https://*.example.com", "https://a.example.com", "grpcs://a.example.com", "https://a.example.com/team/x", "http://127.0.0.1:8080", "https://a.example.com/team"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(answer)) {
		if place, ok := strings.CutPrefix(line, `[http "`); ok {
			got = append(got, strings.TrimSuffix(place, "\"]\n"))
		}
	}
	want := []string{"https://a.example.com/team/x", "https://a.example.com/team", "https://a.example.com", "http://127.0.0.1:8080", "https://*.example.com"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
