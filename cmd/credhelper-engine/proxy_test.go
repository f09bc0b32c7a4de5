package main

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdProxy starts a proxy that refuses everybody: proxy NAME STATUS. $NAME is its host
// and port.
func cmdProxy(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv(args[0], listener.Addr().String())
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.WriteString(conn, "HTTP/1.1 "+args[1]+" No\r\nContent-Length: 0\r\n\r\n")
					_, _ = io.Copy(io.Discard, conn)
				}
			}()
		}
	}()
}
