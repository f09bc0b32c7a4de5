package main

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
)

// A notifier reports the state to a service manager with sd_notify(3): datagrams to the
// socket in NOTIFY_SOCKET. Without that variable it does nothing.
type notifier struct {
	conn  net.Conn
	now   func() time.Time
	every time.Duration // interval of the watchdog messages; 0 for none
	last  time.Time
}

// openNotifier reads the service manager's variables. WATCHDOG_PID names the watched
// process, which may be another one.
func openNotifier(env func(string) string, now func() time.Time, pid int) *notifier {
	n := &notifier{now: now}
	address := env("NOTIFY_SOCKET")
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") {
		return n
	}
	conn, err := net.Dial("unixgram", address)
	if err != nil {
		return n // like sd_notify: a service also runs without a manager
	}
	n.conn = conn
	micros, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
	if of := env("WATCHDOG_PID"); err == nil && micros > 0 && (of == "" || of == strconv.Itoa(pid)) {
		n.every = time.Duration(micros) * time.Microsecond / 4
	}
	return n
}

// send sends assignments, one per line. Errors are ignored.
func (n *notifier) send(lines string) {
	if n.conn != nil {
		_ = n.conn.SetWriteDeadline(n.now().Add(time.Second))
		_, _ = n.conn.Write([]byte(lines))
	}
}

func (n *notifier) ready()             { n.send("READY=1") }
func (n *notifier) stopping()          { n.send("STOPPING=1") }
func (n *notifier) status(text string) { n.send("STATUS=" + text) }

// beat sends a watchdog message, if one is due.
func (n *notifier) beat() {
	if n.every > 0 && n.now().Sub(n.last) >= n.every {
		n.last = n.now()
		n.send("WATCHDOG=1")
	}
}

// tick returns the interval at which to call beat.
func (n *notifier) tick() time.Duration {
	if n.every > 0 {
		return min(n.every, tokenfile.Tick)
	}
	return tokenfile.Tick
}

func (n *notifier) close() {
	if n.conn != nil {
		n.conn.Close()
	}
}
