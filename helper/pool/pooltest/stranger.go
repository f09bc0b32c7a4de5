package pooltest

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// StartStranger starts a server that speaks the protocol of Redis, and says to the words
// of each command what answer returns; "" ends the connection. Its address is without TLS.
func StartStranger(t testing.TB, answer func(words []string) string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					said := ""
					if words, err := command(in); err == nil {
						said = answer(words)
					}
					if _, err := io.WriteString(conn, said); err != nil || said == "" {
						return
					}
				}
			}()
		}
	}()
	return "redis://" + l.Addr().String()
}

// command reads the words of a command.
func command(in *bufio.Reader) (words []string, err error) {
	size := func(kind string) int {
		line, failed := in.ReadString('\n')
		n, bad := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, kind)))
		if err == nil && (failed != nil || bad != nil) {
			err = io.ErrUnexpectedEOF
		}
		return n
	}
	for n := size("*"); len(words) < n && err == nil; {
		text := make([]byte, size("$")+len("\r\n"))
		if err == nil {
			_, err = io.ReadFull(in, text)
		}
		words = append(words, strings.TrimSuffix(string(text), "\r\n"))
	}
	return words, err
}
