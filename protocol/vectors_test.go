package protocol_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/vectortest"
)

// vector is one call of a tool and what it gets; testdata/README.md describes the files.
type vector struct {
	dialect  string            // the folder
	id       string            // how the documentation names it: DIALECT/FILE#NAME
	sections map[string]string // escapes still in them
}

// loadVectors reads all vectors of one dialect and fails when there are none.
func loadVectors(t testing.TB, dialect string) (all []*vector) {
	t.Helper()
	for _, v := range vectortest.Load(t, "testdata/"+dialect+"/*.txtar", "call", "stdin", "answer", "error", "forgets", "request", "credential") {
		_, answer := v.Sections["answer"]
		_, refusal := v.Sections["error"]
		if _, call := v.Sections["call"]; !call || !answer && !refusal {
			t.Fatalf("%s/%s: a vector has a call, and an answer or an error", dialect, v.ID)
		}
		all = append(all, &vector{dialect, dialect + "/" + v.ID, v.Sections})
	}
	return all
}

// parts are the command line and the environment of a vector.
func (v *vector) parts(t testing.TB) (name string, args []string, env map[string]string) {
	t.Helper()
	env = map[string]string{}
	lines := strings.Split(strings.TrimSuffix(v.sections["call"], "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("%s: %q is no variable", v.id, line)
		}
		env[key] = vectortest.Expand(t, value)
	}
	command := words(t, lines[len(lines)-1])
	if len(command) == 0 {
		t.Fatalf("%s: no command", v.id)
	}
	return command[0], command[1:], env
}

// words splits a command line at blanks; a word may be quoted as in Go.
func words(t testing.TB, line string) []string {
	t.Helper()
	var all []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			word, _ := strconv.Unquote(quoted)
			all, line = append(all, word), line[len(quoted):]
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		all, line = append(all, vectortest.Expand(t, word)), rest
	}
	return all
}

// outcome is everything that a call came to.
type outcome struct {
	dialect    *protocol.Dialect
	request    protocol.Request
	credential protocol.Credential // of the last answer, if there is one
	stdout     []byte
	exit       int
	quiet      bool
	err        error
}

// play runs one call the way the executables do, against a.
func play(d *protocol.Dialect, call protocol.Call, stdin []byte, a *answerer) outcome {
	var want protocol.Stdin
	if d.Stdin != nil {
		want = d.Stdin(call.Args)
	}
	if want.Until == protocol.OneLine {
		return playLines(d, call, stdin, want.Limit, a)
	}
	if want.Until == protocol.Nothing {
		stdin = nil
	}
	if len(stdin) > want.Limit {
		d = protocol.Settle(d, stdin)
		return refusal(d, protocol.Request{}, &protocol.Error{Kind: protocol.ErrMalformed, Text: "the request is too long"})
	}
	call.Stdin = stdin
	return answerOne(protocol.Settle(d, stdin), call, a)
}

// playLines is play for a dialect that talks in lines.
func playLines(d *protocol.Dialect, call protocol.Call, stdin []byte, limit int, a *answerer) outcome {
	all := outcome{dialect: d, stdout: []byte(d.Greeting)}
	for line := range bytes.Lines(stdin) {
		call.Stdin = bytes.TrimSuffix(line, []byte("\n"))
		o := refusal(d, protocol.Request{}, &protocol.Error{Kind: protocol.ErrMalformed, Text: "the request is too long"})
		if len(call.Stdin) <= limit {
			o = answerOne(d, call, a)
		}
		o.stdout = append(all.stdout, o.stdout...)
		all = o
	}
	return all
}

func answerOne(d *protocol.Dialect, call protocol.Call, a *answerer) outcome {
	r, err := d.Read(call)
	if err != nil {
		return refusal(d, r, err)
	}
	var c protocol.Credential
	switch r.Verb {
	case protocol.Say:
		return outcome{dialect: d, request: r, stdout: r.Reply.Stdout, exit: r.Reply.Exit, quiet: r.Reply.Quiet}
	case protocol.Accepted:
		return outcome{dialect: d, request: r, quiet: true}
	case protocol.Get:
		c, err = a.Get(context.Background(), r)
	case protocol.Forget:
		err = a.Forget(context.Background(), r)
	default:
		err = fmt.Errorf("decoded to no verb")
	}
	if err != nil {
		return refusal(d, r, err)
	}
	out, err := d.Encode(r, c)
	if err != nil {
		return refusal(d, r, err)
	}
	return outcome{dialect: d, request: r, credential: c, stdout: out}
}

func refusal(d *protocol.Dialect, r protocol.Request, err error) outcome {
	reply := d.Refuse(r, err)
	return outcome{dialect: d, request: r, stdout: reply.Stdout, exit: reply.Exit, quiet: reply.Quiet, err: err}
}

// TestVectors (R1, R3 to R9, O11, O14) plays every vector of every dialect.
func TestVectors(t *testing.T) {
	for _, d := range protocol.Dialects {
		t.Run(d.Name, func(t *testing.T) {
			for _, v := range loadVectors(t, d.Name) {
				t.Run(strings.TrimPrefix(v.id, d.Name+"/"), v.test)
			}
		})
	}
}

func (v *vector) test(t *testing.T) {
	name, args, env := v.parts(t)
	stdin := []byte(vectortest.Expand(t, v.sections["stdin"]))
	d, call, ok := protocol.Choose(name, args, func(key string) string { return env[key] })
	if !ok {
		t.Fatal("no dialect was chosen")
	}
	a := newAnswerer(t, v.sections["credential"])
	got := play(d, call, stdin, a)
	v.compare(t, got, a)
	if n := wholeAt(d, call.Args, stdin); n < len(stdin) {
		// R3: what follows a whole request changes nothing.
		a := newAnswerer(t, v.sections["credential"])
		v.compare(t, play(d, call, stdin[:n], a), a)
	}
}

func (v *vector) compare(t *testing.T, got outcome, a *answerer) {
	t.Helper()
	if got.dialect.Name != v.dialect {
		t.Fatalf("chosen was %s", got.dialect.Name)
	}
	if want := vectortest.Expand(t, v.sections["answer"]); string(got.stdout) != want {
		t.Errorf("stdout\n%s\nwant\n%s\n(error %v)", got.stdout, want, got.err)
	}
	v.compareError(t, got)
	if want := strings.TrimSpace(v.sections["forgets"]); strings.Join(a.dropped, " ") != want {
		t.Errorf("forgot %q, want %q", a.dropped, want)
	}
	for _, line := range lines(v.sections["request"]) {
		if said := understood(got.request); !strings.Contains(said, "\n"+line+"\n") {
			t.Errorf("the request is %q, want %q in it", said, line)
		}
	}
	if got.err == nil && got.request.Verb == protocol.Get && len(got.stdout) > 0 {
		if err := agree(got); err != nil {
			t.Errorf("an independent reader of the answer: %v", err)
		}
	}
	if got.err != nil && a.told(string(got.stdout)+got.err.Error()) {
		t.Error("the refusal holds the token (T8)")
	}
}

func (v *vector) compareError(t *testing.T, got outcome) {
	t.Helper()
	expected, failed := v.sections["error"]
	if !failed {
		if got.err != nil || got.exit != 0 {
			t.Errorf("exit %d, error %v; want none", got.exit, got.err)
		}
		return
	}
	kind, exit, quiet := "", 1, false
	for _, line := range lines(expected) {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "kind":
			kind = value
		case "exit":
			exit, _ = strconv.Atoi(value)
		case "quiet":
			quiet = true
		case "says":
			if got.err == nil || !strings.Contains(got.err.Error(), value) {
				t.Errorf("the error is %v, want %q in it", got.err, value)
			}
		default:
			t.Fatalf("%s: error: what is %q?", v.id, key)
		}
	}
	if is := kindOf(got.err); is != kind {
		t.Errorf("the error is %s (%v), want %s", is, got.err, kind)
	}
	if got.exit != exit || got.quiet != quiet {
		t.Errorf("exit %d, quiet %v; want %d, %v", got.exit, got.quiet, exit, quiet)
	}
	if got.err != nil && strings.ContainsAny(got.err.Error(), "\r\n") {
		t.Errorf("the error has more than one line: %q (R7)", got.err)
	}
}

// understood is a request in the words of the section of that name.
func understood(r protocol.Request) string {
	s := fmt.Sprintf("\nmin_ttl %d\ntimeout %d\nprofile %s\nusername %s\nrefused %s\nrefused_mark %s\n",
		r.MinTTL, r.Timeout, r.Profile, r.Username, r.Refused.Token.Reveal(), r.Refused.Mark)
	if r.Narrowing != (protocol.Narrowing{}) {
		s += "scope " + r.Scope + "\naudience " + r.Audience + "\n"
	}
	if r.Refresh {
		s += "refresh\n"
	}
	if r.Refused.Current {
		s += "refused_current\n"
	}
	if !r.Offered.IsZero() {
		s += "offered " + r.Offered.Reveal() + "\n"
	}
	return s
}

// wholeAt is how much of stdin a slow pipe has to bring until the request is whole.
func wholeAt(d *protocol.Dialect, args []string, stdin []byte) int {
	if d.Stdin == nil || len(stdin) > 4096 {
		return len(stdin)
	}
	want := d.Stdin(args)
	for n := range stdin {
		if want.Complete(stdin[:n]) {
			return n
		}
	}
	return len(stdin)
}

// lines are the lines of a section, without empty ones and comments.
func lines(s string) []string {
	var all []string
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

// own are credhelper's own words; a tool's dialect has its tool's promises to keep.
var own = map[string]bool{"get": true, "token": true, "header": true, "reject": true}

// TestVectorCounts holds what is promised: 25 vectors for each tool's dialect,
// 400 in all, and no folder without its row in the table.
func TestVectorCounts(t *testing.T) {
	total, rows := 0, map[string]bool{}
	for _, d := range protocol.Dialects {
		rows[d.Name] = true
		n := len(loadVectors(t, d.Name))
		total += n
		t.Logf("%-16s %d", d.Name, n)
		if n < 25 && !own[d.Name] {
			t.Errorf("%s: %d vectors, want 25", d.Name, n)
		}
	}
	t.Logf("%-16s %d", "all", total)
	if total < 400 {
		t.Errorf("%d vectors, want 400", total)
	}
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() && !rows[f.Name()] && f.Name() != "fuzz" {
			t.Errorf("testdata/%s is of no dialect", f.Name())
		}
	}
}
