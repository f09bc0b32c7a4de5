package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestRefusal: what an API says when it refuses, as an administrator reads it: one
// line, whatever the API wrote.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		header     [2]string
		says       string
		kind       error
	}{
		{"Jama", `{"meta":{"status":"Forbidden","message":"This user is not permitted to use the API"}}`, 403, [2]string{},
			"the API does not let this account do that (HTTP 403): This user is not permitted to use the API", protocol.ErrProbe},
		{"Jira", `{"errorMessages":["one","two"],"errors":{"b":"3","a":"4"}}`, 400, [2]string{"X-Arequestid", "594x17x1"},
			"the API does not understand us (HTTP 400): one two a: 4 b: 3 [X-AREQUESTID 594x17x1]", nil},
		{"Jira Cloud", `{"code":401,"message":"Unauthorized"}`, 401, [2]string{"Atl-Traceid", "41aa"},
			"the API does not accept the token (HTTP 401): Unauthorized [Atl-Traceid 41aa]", protocol.ErrProbe},
		{"miniOrange", `{"error":{"status":"ERROR","message":"No user found"}}`, 400, [2]string{}, "the API does not understand us (HTTP 400): No user found", nil},
		{"OAuth's own form", `{"error":"invalid_token"}`, 401, [2]string{}, "the API does not accept the token (HTTP 401)", protocol.ErrProbe},
		{"HTML", "<html>502</html>", 502, [2]string{}, "the API is not well (HTTP 502)", protocol.ErrUnreachable},
		{"nothing", "", 418, [2]string{}, "the API refused (HTTP 418)", nil},
		{"a forged line", `{"message":"a\n2026 INFO all is well\u001b[2J\u202e\u2028b"}`, 429, [2]string{"X-Request-Id", "a\tb"},
			"too many calls, and it would take too long to wait (HTTP 429): a 2026 INFO all is well [2J b [X-Request-Id a b]", protocol.ErrUnreachable},
		{"a long text", `{"message":"` + strings.Repeat("ä", 300) + `"}`, 500, [2]string{},
			"the API is not well (HTTP 500): " + strings.Repeat("ä", 200) + "...", protocol.ErrUnreachable},
	} {
		answer := &http.Response{StatusCode: c.status, Header: http.Header{c.header[0]: {c.header[1]}}}
		got := refusedBy(&system{profile: "jira"}, answer, []byte(c.body))
		if got.Error() != c.says || !errors.Is(got, c.kind) && c.kind != nil || c.kind == nil && protocol.ExitCode(got) != 1 {
			t.Errorf("%s: %q, want %q; exit %d", c.name, got.Error(), c.says, protocol.ExitCode(got))
		}
	}
}
