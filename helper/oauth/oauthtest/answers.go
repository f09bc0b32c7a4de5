package oauthtest

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Answer is one static answer of a token endpoint and what a careful client makes
// of it. The files of answers/ explain their form in answers/README.
type Answer struct {
	Name   string
	File   string
	Row    int      // its number among the hostile answers that tests cite; 0: none
	Client []string // how the client under test is set
	Expect string   // "token", or the kind of the error
	Says   []string // for a token: "life=3600s", "warning=..."; for an error: parts of its text
	Head   []string // status line and headers; none: the body is all that is written
	Body   string
	Gzip   bool // the body is written compressed
}

//go:embed answers
var answerFiles embed.FS

// Answers reads the files of answers/. It fails when there is nothing in them or
// a line is not understood.
func Answers() ([]Answer, error) {
	files, err := answerFiles.ReadDir("answers")
	if err != nil {
		return nil, err
	}
	var all []Answer
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".txt") {
			continue
		}
		data, err := answerFiles.ReadFile("answers/" + f.Name())
		if err != nil {
			return nil, err
		}
		some, err := parseAnswers(f.Name(), string(data))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("oauthtest: no answers")
	}
	return all, nil
}

// answers is Answers for the server; the files are compiled in and a test reads
// them, so an error is a bug.
var answers = sync.OnceValue(func() []Answer {
	all, err := Answers()
	if err != nil {
		panic(err)
	}
	return all
})

func parseAnswers(file, data string) ([]Answer, error) {
	blocks := strings.Split("\n"+data, "\n== ")
	var all []Answer
	for _, block := range blocks[1:] {
		a, err := parseAnswer(strings.TrimRight(block, "\n"))
		if err != nil {
			return nil, fmt.Errorf("oauthtest: answers/%s: %w", file, err)
		}
		a.File = file
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("oauthtest: answers/%s: nothing in it", file)
	}
	return all, nil
}

func parseAnswer(block string) (Answer, error) {
	head, body, _ := strings.Cut(block, "\n\n")
	lines := strings.Split(head, "\n")
	a := Answer{Name: lines[0], Body: body}
	for i, line := range lines[1:] {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "#":
		case "row":
			a.Row, _ = strconv.Atoi(rest) // 0 is caught below
			if a.Row == 0 {
				return a, fmt.Errorf("%s: row %q", a.Name, rest)
			}
		case "client":
			a.Client = append(a.Client, rest)
		case "expect":
			a.Expect = rest
		case "says":
			a.Says = append(a.Says, rest)
		case "gzip":
			a.Gzip = true
		case "bare":
			return a, a.complete()
		default:
			if !strings.HasPrefix(line, "HTTP/") {
				return a, fmt.Errorf("%s: line %q", a.Name, line)
			}
			a.Head = lines[1+i:]
			return a, a.complete()
		}
	}
	return a, fmt.Errorf("%s: neither \"HTTP/\" nor \"bare\"", a.Name)
}

func (a Answer) complete() error {
	if a.Name == "" || a.Expect == "" {
		return fmt.Errorf("%s: no expectation", a.Name)
	}
	return nil
}

// render is the answer as bytes.
func (a Answer) render(s *Server, q tokenRequest) []byte {
	body := expand(a.Body, s, q)
	if a.Gzip {
		body = packed(body)
	}
	if a.Head == nil {
		return []byte(body)
	}
	var out strings.Builder
	sized := false
	for _, line := range a.Head {
		line = expand(line, s, q)
		sized = sized || strings.HasPrefix(line, "Content-Length:") || strings.HasPrefix(line, "Transfer-Encoding:")
		out.WriteString(line + "\r\n")
	}
	if !sized {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	}
	out.WriteString("Connection: close\r\n\r\n" + body)
	return []byte(out.String())
}

// expand replaces the words in braces that answers/README lists. Braces of JSON
// are none of them.
func expand(text string, s *Server, q tokenRequest) string {
	// each is every secret that was sent, written that way.
	each := func(write func(secret string) string) string {
		var all []string
		for _, secret := range q.secrets() {
			all = append(all, write(secret))
		}
		return strings.Join(all, " ")
	}
	replace := map[string]func(arg string) string{
		"token":   func(string) string { c, _ := s.client(q.id); t, _ := s.issue(c, ""); return t },
		"refresh": func(string) string { return s.rotate(q) },
		"secret":  func(string) string { return each(func(secret string) string { return secret }) },
		"secret-json": func(string) string {
			return each(func(secret string) string { b, _ := json.Marshal(secret); return string(b[1 : len(b)-1]) }) // a text always marshals
		},
		"secret-form": func(string) string { return each(url.QueryEscape) },
		"secret-basic": func(string) string {
			return each(func(secret string) string { return base64.StdEncoding.EncodeToString([]byte(q.id + ":" + secret)) })
		},
		"secret-base64": func(string) string {
			return each(func(secret string) string { return base64.StdEncoding.EncodeToString([]byte(secret)) })
		},
		"trap":   func(string) string { return "http://" + s.trap.Addr().String() },
		"self":   func(string) string { return s.TokenURL() },
		"hex":    func(arg string) string { b, _ := hex.DecodeString(arg); return string(b) },
		"repeat": repeated,
		"date": func(arg string) string {
			d, _ := time.ParseDuration(arg)
			return s.options.Now().Add(d).UTC().Format(http.TimeFormat)
		},
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		inside, after, closed := strings.Cut(rest, "}")
		name, arg, _ := strings.Cut(inside, ":")
		if f, known := replace[name]; closed && known {
			out.WriteString(f(arg))
			text = after
			continue
		}
		out.WriteByte('{')
		text = rest
	}
}

// packed is a text as gzip has it.
func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text) // a buffer never fails
	w.Close()
	return b.String()
}

// repeated is "TEXT:N" as N times TEXT.
func repeated(arg string) string {
	i := strings.LastIndex(arg, ":")
	n, err := strconv.Atoi(arg[i+1:])
	if i < 0 || err != nil {
		return ""
	}
	return strings.Repeat(arg[:i], n)
}
