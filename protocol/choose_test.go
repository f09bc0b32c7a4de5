package protocol_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
)

// TestChoose goes through the ways to a dialect: the executable's name, the first
// word, a trace that only one tool leaves.
func TestChoose(t *testing.T) {
	for _, c := range []struct{ call, env, dialect, profile, args string }{
		// the name
		{"git-credential-credhelper get", "", "git", "", "get"},
		{"git-credential-credhelper.exe get", "", "git", "", "get"},
		{"git-credential-credhelper-work get", "", "git", "work", "get"},
		{"git-credential-credhelper --profile work get", "", "git", "", "--profile work get"},
		{"docker-credential-credhelper-work-2.eu get", "", "docker", "work-2.eu", "get"},
		{"terraform-credentials-credhelper get h", "", "terraform", "", "get h"},
		{"cargo-credential-credhelper --cargo-plugin", "", "cargo", "", "--cargo-plugin"},
		{"credhelper-bazel get", "", "bazel", "", "get"},
		{"credhelper-engflow-work get", "", "bazel", "work", "get"},
		{"credhelper-token-work", "", "token", "work", ""},
		{"credhelper-python-keyring get s u", "", "python-keyring", "", "get s u"},
		{"credhelper-python-keyring-work get s u", "", "python-keyring", "work", "get s u"},
		{"keyring get s u", "", "python-keyring", "", "get s u"},
		{"git-credential-credhelper docker get", "", "git", "", "docker get"}, // the name decides

		// the first word
		{"credhelper git get", "", "git", "", "get"},
		{"credhelper --profile work git get", "", "git", "work", "get"},
		{"credhelper --profile=work git get", "", "git", "work", "get"},
		{"credhelper tofu get h", "", "terraform", "", "get h"},
		{"credhelper get", "", "get", "", ""},
		{"credhelper token work", "", "token", "", "work"},
		{"anything git get", "", "git", "", "get"}, // whatever a link may be called

		// traces
		{"credhelper --cargo-plugin", "", "cargo", "", "--cargo-plugin"},
		{"credhelper --profile work --cargo-plugin", "", "cargo", "work", "--cargo-plugin"},
		{"credhelper", "KUBERNETES_EXEC_INFO", "kubectl", "", ""},
		{"credhelper --profile work", "KUBERNETES_EXEC_INFO", "kubectl", "work", ""},
		{"credhelper", "CLAUDE_CODE_MCP_SERVER_URL", "mcp", "", ""},
		{"credhelper", "CARGO_REGISTRY_INDEX_URL", "cargo", "", ""},
		{"credhelper token work", "CARGO_REGISTRY_INDEX_URL", "token", "", "work"},
		{"credhelper token work", "KUBERNETES_EXEC_INFO", "token", "", "work"}, // a word is plainer than a trace

		// a person's call
		{"credhelper", "", "", "", ""},
		{"credhelper list", "KUBERNETES_EXEC_INFO", "", "", "list"},
		{"credhelper --profile work", "", "", "", "--profile work"},
		{"credhelper --profile ../x git get", "", "", "", "--profile ../x git get"},
		{"credhelper GIT get", "", "", "", "GIT get"},
		{"credhelper-engine git get", "", "git", "", "get"},
		{"credhelper-git-UPPER list", "", "", "", "list"},
		{"docker-credential-other list", "", "", "", "list"},
	} {
		words := strings.Fields(c.call)
		d, call, ok := protocol.Choose(words[0], words[1:], func(key string) string {
			if key == c.env {
				return "x"
			}
			return ""
		})
		name := ""
		if ok {
			name = d.Name
		}
		if args := strings.Join(call.Args, " "); name != c.dialect || ok && call.Profile != c.profile || args != c.args {
			t.Errorf("%s: dialect %q, profile %q, arguments %q", c.call, name, call.Profile, args)
		}
	}
}

// TestSettle tells the two apart that share the word get.
func TestSettle(t *testing.T) {
	get, _, _ := protocol.Choose("credhelper", []string{"get"}, func(string) string { return "" })
	docker, _, _ := protocol.Choose("credhelper", []string{"docker"}, func(string) string { return "" })
	for stdin, want := range map[string]string{
		"":                          "get",
		"{":                         "get",
		"protocol=https\n":          "git",
		"capability[]=authtype\n":   "git",
		"protocol":                  "get",
		" protocol=https\n":         "get",
		"host=git.example.com\n":    "get", // git begins with neither; no guessing
		"reg.example.com":           "get",
		"{\"protocol=\":\"https\"}": "get",
	} {
		if got := protocol.Settle(get, []byte(stdin)).Name; got != want {
			t.Errorf("%q: %s, want %s", stdin, got, want)
		}
		if got := protocol.Settle(docker, []byte(stdin)); got != docker {
			t.Errorf("%q: a dialect that was named is changed to %s", stdin, got.Name)
		}
	}
}

// TestComplete (R3): a request of git's ends at its empty line, and JSON at the
// end of the stream, also where the word get leaves open which of them comes.
func TestComplete(t *testing.T) {
	for _, c := range []struct {
		until protocol.Until
		read  string
		want  bool
	}{
		{protocol.BlankLine, "", false},
		{protocol.BlankLine, "protocol=https\nhost=h\n", false},
		{protocol.BlankLine, "protocol=https\nhost=h\n\n", true},
		{protocol.BlankLine, "protocol=https\r\nhost=h\r\n\r\n", true},
		{protocol.BlankLine, "\n", true},
		{protocol.Guess, "protocol=https\nhost=h\n\n", true},
		{protocol.Guess, "{\n\n", false},
		{protocol.Guess, "\n\n{", false},
		{protocol.EOF, "reg.example.com\n\n", false},
		{protocol.Drain, "\n\n", false},
	} {
		if got := (protocol.Stdin{Until: c.until, Limit: 99}).Complete([]byte(c.read)); got != c.want {
			t.Errorf("%d %q: %v", c.until, c.read, got)
		}
	}
}

// TestTable walks the rows: whatever is chosen by a name or a word is chosen by
// one row only, and each row can do all that the executables call.
func TestTable(t *testing.T) {
	words, links := map[string]string{}, map[string]string{}
	for _, d := range protocol.Dialects {
		if d.Title == "" || d.Decode == nil || d.Encode == nil || d.Refuse == nil {
			t.Errorf("%s: the row is not complete", d.Name)
		}
		for _, w := range append([]string{d.Name}, d.Words...) {
			if words[w] != "" {
				t.Errorf("%s and %s share the word %s", d.Name, words[w], w)
			}
			words[w] = d.Name
		}
		if d.Link != "" && links[d.Link] != "" {
			t.Errorf("%s and %s share the link %s", d.Name, links[d.Link], d.Link)
		}
		links[d.Link] = d.Name
		if (d.Greeting != "") != (d.Stdin != nil && d.Stdin(nil).Until == protocol.OneLine) {
			t.Errorf("%s: a greeting is for those who talk in lines", d.Name)
		}
	}
}

// TestByHand: --help behind the word of any tool is a person's question, and the
// answer is the usage; the same words from a tool are its request.
func TestByHand(t *testing.T) {
	tools := 0
	for _, d := range protocol.Dialects {
		if d.Link == "" { // people type it, and cobra knows its help
			continue
		}
		tools++
		for _, flag := range []string{"--help", "-h"} {
			err := protocol.ByHand(d, protocol.Call{Args: []string{flag}})
			if protocol.ExitCode(err) != 2 || !strings.HasPrefix(err.Error(), "usage: ") {
				t.Errorf("%s %s: %v", d.Name, flag, err)
			}
		}
		for _, args := range [][]string{nil, {"get"}, {"get", "--help"}, {"--cargo-plugin"}} {
			if err := protocol.ByHand(d, protocol.Call{Args: args}); err != nil {
				t.Errorf("%s %v: %v", d.Name, args, err)
			}
		}
	}
	if tools < 8 {
		t.Errorf("%d tools: the test is blind", tools)
	}
}

// TestExitCodes (R9) holds the table of docs/exit-codes.md.
func TestExitCodes(t *testing.T) {
	want := map[string]int{
		"ErrMalformed": 2, "ErrNoProfile": 3, "ErrNoSecret": 4, "ErrLocked": 5, "ErrLogin": 6, "ErrRefused": 7,
		"ErrUnreachable": 8, "ErrPolicy": 9, "ErrBusy": 10, "ErrUnknown": 3, "ErrAmbiguous": 3,
	}
	for _, k := range kinds {
		wrapped := &protocol.Error{Kind: k.err, Text: "x"}
		if got := protocol.ExitCode(wrapped); got != want[k.name] {
			t.Errorf("%s: exit %d, want %d", k.name, got, want[k.name])
		}
	}
	if protocol.ExitCode(nil) != 0 {
		t.Error("no error is not exit 0")
	}
	if protocol.ExitCode(protocol.ErrProbe) != 11 || protocol.ExitCode(protocol.ErrInactive) != 12 {
		t.Error("probe and inactive are 11 and 12")
	}
	if protocol.ExitCode(errors.New("of no kind")) != 1 {
		t.Error("an error of no kind is not exit 1")
	}
}

// TestValidProfile (T18): a profile's name becomes a file's name and a part of
// executables' names.
func TestValidProfile(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "0": true, "jama": true, "jama-2": true, "a_b": true, "a.b": true, "a-": true, "a.b.c": true,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "": false,
		"-a": false, "_a": false, ".a": false, "..": false, "a..b": false, "A": false, "a/b": false, `a\b`: false,
		"a b": false, "a\x00": false, "a\n": false, "\u00e4": false, "a%2e": false, "a:b": false, "~a": false,
	} {
		if got := protocol.ValidProfile(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
