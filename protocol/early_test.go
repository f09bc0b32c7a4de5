package protocol_test

import (
	"os"
	"strings"
	"testing"
)

// TestPagesSayHowToRefresh: the page of each tool says what to type when a server ends a
// token before its time.
func TestPagesSayHowToRefresh(t *testing.T) {
	for _, page := range []string{"bazel", "cargo", "docker", "git", "goauth", "keyring", "kubectl", "mcp", "pnpm", "terraform"} {
		text, err := os.ReadFile("../docs/dialects/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "credhelper token NAME --refresh") {
			t.Errorf("docs/dialects/%s.md does not say it", page)
		}
	}
}
