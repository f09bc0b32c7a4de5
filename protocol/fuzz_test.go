package protocol_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

// mostBytes is the most that an answer or a refusal may have (R7).
const mostBytes = 60 << 10

// FuzzDialects walks the table with whatever a tool may send and a server may
// have given (R1 to R8, T8, T23, A16):
//
//   - nothing panics, and no answer is longer than a pipe holds
//   - what an independent reader finds in an answer is the credential, and it
//     finds nothing else: no second line, no second key
//   - a refusal holds no secret, and stays within its line whatever the error says
func FuzzDialects(f *testing.F) {
	usual := newAnswerer(f, "")
	fromStdout, _, ok := protocol.Choose("credhelper", nil, func(key string) string {
		return map[string]string{"CARGO_REGISTRY_INDEX_URL": "x"}[key]
	})
	if !ok {
		f.Fatal("cargo's variable chooses nothing")
	}
	all := append(slices.Clone(protocol.Dialects[:]), fromStdout) // in no row: Choose finds it
	f.Add(uint8(len(all)-1), "", []byte(nil), "sparse+https://index.crates.example.com/index/", "t0k", "user")
	for i, d := range protocol.Dialects {
		for _, v := range loadVectors(f, d.Name) {
			_, args, env := v.parts(f)
			if len(args) > 0 && (args[0] == d.Name || args[0] == "--profile") {
				args = args[1:]
			}
			one := ""
			for _, value := range env {
				one = value
			}
			if stdin := vectortest.Expand(f, v.sections["stdin"]); len(stdin) < 4096 {
				f.Add(uint8(i), strings.Join(args, "\x00"), []byte(stdin), one, "t0k", "user")
			}
		}
		f.Add(uint8(i), "get", []byte("{}"), "", "t0k\r\nX: y", "a\nb")
	}
	f.Fuzz(func(t *testing.T, which uint8, joined string, stdin []byte, env, token, username string) {
		d := all[int(which)%len(all)]
		var args []string
		if joined != "" {
			args = strings.Split(joined, "\x00")
		}
		a := &answerer{owners: append([]owner(nil), usual.owners...)}
		for i := range a.owners {
			a.owners[i].given.Secret = secret.New(token)
			a.owners[i].given.Username = username
		}
		call := protocol.Call{Args: args, Env: func(string) string { return env }}
		got := play(d, call, stdin, a)
		checkOutcome(t, got)
		input := joined + string(stdin) + env + username
		if got.err != nil && len(token) > 7 && !strings.Contains(input, token) && strings.Contains(string(got.stdout)+got.err.Error(), token) {
			t.Errorf("%s: the refusal holds the token: %q", d.Name, got.stdout)
		}
		for _, k := range kinds {
			checkRefusal(t, got, &protocol.Error{Kind: k.err, Text: "text " + username, Hint: env})
		}
		checkRefusal(t, got, errors.New(joined))
	})
}

func checkOutcome(t *testing.T, got outcome) {
	t.Helper()
	d := got.dialect
	switch {
	case got.exit < 0 || got.exit > 12:
		t.Errorf("%s: exit %d", d.Name, got.exit)
	case len(got.stdout) > mostBytes && d.Greeting == "": // a session has many answers
		t.Errorf("%s: an answer of %d bytes", d.Name, len(got.stdout))
	case got.err == nil && got.request.Verb == protocol.Get && len(got.stdout) > 0:
		if err := agree(got); err != nil {
			t.Errorf("%s: %v\n%q", d.Name, err, got.stdout)
		}
		if !secret.ValidToken(got.credential.Secret.Reveal(), got.credential.Wide) {
			t.Errorf("%s: answered with a token that no header may carry (A16)", d.Name)
		}
	}
}

// checkRefusal refuses the request for any reason at all.
func checkRefusal(t *testing.T, got outcome, err error) {
	t.Helper()
	reply := got.dialect.Refuse(got.request, err)
	text, _ := strings.CutSuffix(string(reply.Stdout), "\n")
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			t.Fatalf("%s: a refusal with control bytes, or with a second line: %q", got.dialect.Name, reply.Stdout)
		}
	}
	if len(text) > mostBytes || reply.Exit < 0 || reply.Exit > 12 {
		t.Errorf("%s: a refusal of %d bytes, exit %d", got.dialect.Name, len(text), reply.Exit)
	}
}

// BenchmarkGet is the pure part of a cached answer: choose, read, write.
func BenchmarkGet(b *testing.B) {
	for _, c := range []struct{ name, command, stdin string }{
		{"token", "credhelper token https://git.example.com/", ""},
		{"native", "credhelper get", `{"uri":"https://git.example.com/o/r.git"}`},
		{"git", "git-credential-credhelper get", "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example.com\n\n"},
		{"docker", "docker-credential-credhelper get", "reg.example.com"},
	} {
		b.Run(c.name, func(b *testing.B) {
			command := words(b, c.command)
			given := protocol.Credential{
				Profile: "work", Scheme: "Bearer", Secret: secret.New(strings.Repeat("a", 1200)), Expires: 1893456000, Source: "cache",
			}
			b.ReportAllocs()
			for b.Loop() {
				d, call, _ := protocol.Choose(command[0], command[1:], func(string) string { return "" })
				call.Stdin = []byte(c.stdin)
				d = protocol.Settle(d, call.Stdin)
				r, err := d.Read(call)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := d.Encode(r, given); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
