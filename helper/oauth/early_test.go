package oauth_test

import (
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
)

// TestEndsEarly: an expires_in that is not in seconds is noticed where the token itself
// says when it ends.
func TestEndsEarly(t *testing.T) {
	for answer, warns := range map[string]bool{"expires-in-huge": true, "expires-in-int": false} {
		server := newServer(t, oauthtest.Options{Product: "plain"})
		if err := server.Queue(answer); err != nil {
			t.Fatal(err)
		}
		token, err := newClient(t, server).Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := token.EndsEarly(); strings.Contains(got, "the token's own exp") != warns {
			t.Errorf("%s: %q", answer, got)
		}
	}
}
