package redis

import (
	"bufio"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// The protocol of Redis, version 2: https://redis.io/docs/latest/develop/reference/protocol-spec.
//
// A pool does not trust its store, and a client library does: gomodule/redigo 1.9.3, the
// smallest (28 KB more than this file), takes as much memory as an answer says that it
// needs. "$1099511627776", or lists in lists, end the process. Whoever would use it has to
// read all answers before it does, and that is most of this file.

// conn is a connection.
type conn struct {
	raw net.Conn
	in  *bufio.Reader
}

// refusal is an error that the server answered: a word in capitals, and a text.
type refusal string

func (r refusal) Error() string { return string(r) }

// do sends a command and returns its answer: a []byte, which is nil for none, an int64,
// or a list of these. An answer that is an error is a refusal.
func (c *conn) do(words ...any) (any, error) {
	if err := c.send(words...); err != nil {
		return nil, err
	}
	return c.receive()
}

// send sends a command. Words are strings, bytes, and whole numbers.
func (c *conn) send(words ...any) error {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, word := range words {
		var text []byte
		switch word := word.(type) {
		case []byte:
			text = word
		case string:
			text = []byte(word)
		default:
			text = fmt.Append(nil, word)
		}
		b = append(append(fmt.Appendf(b, "$%d\r\n", len(text)), text...), "\r\n"...)
	}
	_, err := c.raw.Write(b)
	return err
}

// The limits of an answer, so that a server that is none costs no memory.
const (
	longestText = 1 << 20
	longestList = 1 << 12
	longestAll  = 4 << 20 // 1000 lines of a pool's log are a third of it
	deepest     = 4
)

var errProtocol = errors.New("it does not speak the protocol of Redis")

func (c *conn) receive() (any, error) { return receive(c.in) }

func receive(in *bufio.Reader) (any, error) {
	left := longestAll
	return receivePart(in, deepest, &left)
}

// receivePart receives an answer, or an element of one, of at most left bytes.
func receivePart(in *bufio.Reader, depth int, left *int) (any, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errProtocol
	}
	if err != nil {
		return nil, err
	}
	if *left -= len(line); len(line) < 3 || line[len(line)-2] != '\r' || depth == 0 || *left < 0 {
		return nil, errProtocol
	}
	kind, text := line[0], string(line[1:len(line)-2])
	switch kind {
	case '+':
		return []byte(text), nil
	case '-':
		return nil, refusal(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || strings.HasPrefix(text, "+"):
		return nil, errProtocol
	case kind == ':':
		return n, nil
	case kind == '$' && n == -1:
		return []byte(nil), nil
	case kind == '$' && 0 <= n && n <= min(longestText, int64(*left)):
		*left -= int(n)
		text := make([]byte, n+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		if string(text[n:]) != "\r\n" {
			return nil, errProtocol
		}
		return text[:n:n], nil
	case kind == '*' && -1 <= n && n <= longestList:
		list := []any{}
		for range n {
			element, err := receivePart(in, depth-1, left)
			if err != nil && !errors.As(err, new(refusal)) {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	}
	return nil, errProtocol
}

// texts returns the elements of an answer that is a list of texts, of which a missing one
// is nil, or of numbers.
func texts(answer any, err error) ([][]byte, error) {
	if err != nil {
		return nil, err
	}
	list, ok := answer.([]any)
	if !ok {
		return nil, errProtocol
	}
	all := make([][]byte, len(list))
	for i, element := range list {
		switch element := element.(type) {
		case []byte:
			all[i] = element
		case int64:
			all[i] = strconv.AppendInt(nil, element, 10)
		default:
			return nil, errProtocol
		}
	}
	return all, nil
}

// script is a program in Lua that the server runs as one step.
type script struct {
	text, digest string
	keys         int
}

func newScript(keys int, text string) script {
	sum := sha1.Sum([]byte(text)) // as the server names it
	return script{text, hex.EncodeToString(sum[:]), keys}
}

// run runs the script on keys and further words. A server that does not know it yet gets
// its text.
func (s script) run(c *conn, words ...any) (any, error) {
	answer, err := c.do(append([]any{"EVALSHA", s.digest, s.keys}, words...)...)
	if e := refusal(""); errors.As(err, &e) && strings.HasPrefix(string(e), "NOSCRIPT") {
		return c.do(append([]any{"EVAL", s.text, s.keys}, words...)...)
	}
	return answer, err
}
