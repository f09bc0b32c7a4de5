package main

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
)

// A notifier tells a service manager how we are: sd_notify(3), datagrams to the
// socket that NOTIFY_SOCKET names. Without one it tells nobody.
type notifier struct {
	conn  net.Conn
	now   func() time.Time
	every time.Duration // between two signs of life; 0: nobody waits for them
	last  time.Time
}

// openNotifier reads what the service manager has put into the environment.
// WATCHDOG_PID names the process that is watched; it may be another.
func openNotifier(env func(string) string, now func() time.Time, pid int) *notifier {
	n := &notifier{now: now}
	address := env("NOTIFY_SOCKET")
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") {
		return n
	}
	conn, err := net.Dial("unixgram", address)
	if err != nil {
		return n // as sd_notify: a service runs without its manager, too
	}
	n.conn = conn
	micros, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
	if of := env("WATCHDOG_PID"); err == nil && micros > 0 && (of == "" || of == strconv.Itoa(pid)) {
		n.every = time.Duration(micros) * time.Microsecond / 4
	}
	return n
}

// send sends assignments, one a line. What is not received is not our failure.
func (n *notifier) send(lines string) {
	if n.conn != nil {
		_ = n.conn.SetWriteDeadline(n.now().Add(time.Second))
		_, _ = n.conn.Write([]byte(lines))
	}
}

func (n *notifier) ready()             { n.send("READY=1") }
func (n *notifier) stopping()          { n.send("STOPPING=1") }
func (n *notifier) status(text string) { n.send("STATUS=" + text) }

// beat is a sign of life, if one is wanted now.
func (n *notifier) beat() {
	if n.every > 0 && n.now().Sub(n.last) >= n.every {
		n.last = n.now()
		n.send("WATCHDOG=1")
	}
}

// tick is how often beat wants to be called.
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
