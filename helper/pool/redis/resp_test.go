package redis

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// FuzzReceive: whatever a server answers, it is read to its end or refused, and costs no
// more memory than it has bytes.
func FuzzReceive(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "*-1\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "$1048576\r\n", "*4096\r\n", "HTTP/1.1 400\r\n", "+\n", "$+1\r\na\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, err := receive(bufio.NewReader(bytes.NewReader(b)))
		if err != nil && answer != nil {
			t.Error("an answer and an error")
		}
		list, err := texts(answer, err)
		total := 0
		for _, text := range list {
			total += len(text)
		}
		if err == nil && total > len(b) {
			t.Errorf("%d bytes of %d", total, len(b))
		}
	})
}

// TestReceive: the forms of an answer, and what is none.
func TestReceive(t *testing.T) {
	for in, want := range map[string]string{
		"*3\r\n$2\r\na\n\r\n:-7\r\n$-1\r\n": "a\n|-7|",
		"*1\r\n+OK\r\n":                     "OK",
		"*0\r\n":                            "",
	} {
		list, err := texts(receive(bufio.NewReader(bytes.NewReader([]byte(in)))))
		if got := string(bytes.Join(list, []byte("|"))); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	million := "$1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n"
	if _, err := receive(bufio.NewReader(strings.NewReader("*4\r\n" + strings.Repeat(million, 4)))); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "x", "+OK\n", "$3\r\nabcd\r\n", "$4\r\nabc", "$99999999\r\n", "*5000\r\n", ":a\r\n", "HTTP/1.1 400 Bad Request\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
		"$1099511627776\r\n", "$9223372036854775807\r\n", "*99999999999\r\n", strings.Repeat("*1\r\n", 1<<20), "*4000\r\n" + strings.Repeat(million, 5)} {
		if answer, err := receive(bufio.NewReader(bytes.NewReader([]byte(bad)))); err == nil {
			t.Errorf("%.80q: %T", bad, answer)
		}
	}
}
