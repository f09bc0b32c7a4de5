package keyring

import (
	"context"
	"strings"
)

// The kinds of source that ask a server. How it is asked is given (Surroundings.Ask):
// this package speaks no HTTP.
const (
	KindVault  = "vault"  // HashiCorp Vault or OpenBao: ADDRESS, "MOUNT/data/PATH#FIELD" (KV version 2)
	KindGitHub = "github" // the ID token of a GitHub or Forgejo Actions job: AUDIENCE
)

// The variables in which a job of GitHub Actions is told where it gets an ID token, and
// the job's own token for asking there.
const (
	GitHubURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	GitHubToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// asked returns the reader of a kind of source that asks a server.
func asked(kind string) func(context.Context, []string, Surroundings) ([]byte, error) {
	return func(ctx context.Context, words []string, around Surroundings) ([]byte, error) {
		if around.Ask == nil {
			return nil, problem(ErrUnavailable, "no server is asked here")
		}
		ctx, cancel := context.WithTimeout(ctx, commandLimit)
		defer cancel()
		content, err := around.Ask(ctx, kind, words)
		if err == nil && len(content) > MaxSecret {
			return nil, problem(ErrInvalid, "it is longer than %d bytes", MaxSecret)
		}
		return content, err
	}
}

func addressAndField(words []string) string {
	const want = `the address of the server and MOUNT/data/PATH#FIELD (KV version 2), such as "https://bao.example:8200", "kv/data/jama#client_secret"`
	if len(words) != 2 || !strings.HasPrefix(words[0], "https://") && !strings.HasPrefix(words[0], "http://") {
		return want
	}
	if strings.Contains(words[0], "@") { // it is shown, and logged
		return want + ", without a user name or password"
	}
	path, field := SplitField(words[1])
	mount, rest, found := strings.Cut(path, "/data/")
	if !found || mount == "" || rest == "" || field == "" {
		return want
	}
	for _, part := range strings.Split(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`?#%\`, r) }) {
			return want
		}
	}
	return ""
}

// SplitField splits the second word of a source of KindVault: "kv/data/jama#client_secret".
func SplitField(word string) (path, field string) {
	path, field, _ = strings.Cut(word, "#")
	return path, field
}

func oneAudience(words []string) string {
	if len(words) != 1 || words[0] == "" || len(words[0]) > 1024 || strings.ContainsFunc(words[0], func(r rune) bool { return r < ' ' || r > '~' }) {
		return "the audience of the ID token"
	}
	return ""
}
