package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// managers is the key of a script's service manager.
type managers struct{}

// cmdManager listens as a service manager does.
func cmdManager(ts *testscript.TestScript, _ bool, _ []string) {
	address := fmt.Sprintf("@credhelper-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	ts.Setenv("NOTIFY_SOCKET", address)
	ts.Setenv("WATCHDOG_USEC", "400000")
	ts.Value(managers{}).(map[string]*net.UnixConn)[""] = conn
}

// cmdNotified waits for a line that begins so; other lines may come before it.
func cmdNotified(ts *testscript.TestScript, _ bool, args []string) {
	conn := ts.Value(managers{}).(map[string]*net.UnixConn)[""]
	ts.Check(conn.SetReadDeadline(time.Now().Add(time.Minute)))
	var heard []string
	for buf := make([]byte, 4096); ; {
		n, err := conn.Read(buf)
		if err != nil {
			ts.Fatalf("%v; heard %q", err, heard)
		}
		if heard = append(heard, string(buf[:n])); strings.HasPrefix(heard[len(heard)-1], args[0]) {
			return
		}
	}
}
