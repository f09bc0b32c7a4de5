package protocol_test

import (
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestGitQuit (H2): git is told to ask nobody else where the failure says so, and
// nowhere else: not for hosts that no profile owns, and not when it reports.
func TestGitQuit(t *testing.T) {
	git := protocol.Dialects[0]
	for _, d := range protocol.Dialects {
		if d.Name == "git" {
			git = d
		}
	}
	failure := func(kind error, quit bool) error { return &protocol.Error{Kind: kind, Text: "text", Quit: quit} }
	for _, c := range []struct {
		name string
		verb protocol.Verb
		err  error
		want string
	}{
		{"the API refuses good tokens", protocol.Get, failure(protocol.ErrRefused, true), "quit=1\n"},
		{"git_quit = false", protocol.Get, failure(protocol.ErrRefused, false), ""},
		{"nobody's host", protocol.Get, failure(protocol.ErrNoProfile, true), ""},
		{"erase", protocol.Forget, failure(protocol.ErrRefused, true), ""},
		{"store", protocol.Accepted, failure(protocol.ErrRefused, true), ""},
	} {
		if got := git.Refuse(protocol.Request{Verb: c.verb}, c.err); string(got.Stdout) != c.want {
			t.Errorf("%s: %q", c.name, got.Stdout)
		}
	}
}

// TestGoauthGuess (X2): only a 401, and only with a profile named, is taken for a
// refusal.
func TestGoauthGuess(t *testing.T) {
	for _, c := range []struct {
		profile, head string
		guessed       bool
	}{
		{"work", "HTTP/1.1 401 Unauthorized\r\n\r\n", true}, {"work", "HTTP/2.0 401 \r\n\r\n", true}, {"work", "HTTP/1.1 401\r\n\r\n", true},
		{"", "HTTP/1.1 401 Unauthorized\r\n\r\n", false},
		{"work", "HTTP/1.1 404 Not Found\r\n\r\n", false}, {"work", "HTTP/1.1 4010 x\r\n\r\n", false}, {"work", "401 Unauthorized", false}, {"work", "", false},
	} {
		d, call, _ := protocol.Choose("credhelper", []string{"goauth", "https://go.example.com/x"}, func(string) string { return "" })
		call.Profile, call.Stdin = c.profile, []byte(c.head)
		if r, err := d.Decode(call); err != nil || r.Refused.Guessed != c.guessed || r.Refused.Current != c.guessed {
			t.Errorf("%q %q: guessed %v, %v", c.profile, c.head, r.Refused.Guessed, err)
		}
	}
}
