//go:build linux

package main_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
)

// TestPoolHostile: a store that knows the protocol, takes the password, gives a lease, and
// then says what it likes, costs the leader no token, and gets nothing of it. One that says
// so to hosts that wait is lost, or is an error. Each call is one request at most, and ends.
func TestPoolHostile(t *testing.T) {
	t.Parallel() // mostly waiting
	now := func() string { return fmt.Sprint(time.Now().UnixMicro()) }
	list := func(texts ...string) string {
		b := fmt.Sprintf("*%d\r\n", len(texts))
		for _, text := range texts {
			b += fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		}
		return b
	}
	var many atomic.Int64
	for _, c := range []struct {
		name  string
		first func() string // what it says to who asks
		then  func() string // and to all that comes later
		code  int
		says  string // a part of stderr; "": it is empty
	}{
		{"huge", nil, func() string { return "$1099511627776\r\n" }, 0, "it does not speak the protocol of Redis: this host fetched a token for itself"},
		{"deep", nil, func() string { return strings.Repeat("*1\r\n", 1<<20) }, 0, "it does not speak the protocol of Redis: this host fetched"},
		{"endless", nil, func() string { return strings.Repeat("+x", 8<<20) }, 0, "it does not speak the protocol of Redis: this host fetched"},
		{"silent", nil, func() string { return "\r" }, 0, "it does not answer in time: this host fetched"},
		{"it ends", nil, func() string { return "" }, 0, "it closed the connection: this host fetched"},
		{"it repeats the password", nil, func() string { return "-ERR what is pass-canary-word?\r\n" }, 0, ": this host fetched"},
		{"it took it, and more", nil, func() string { return ":1\r\n:1\r\n+OK\r\n-ERR no\r\n" }, 0, ""},
		{"it did not take it", nil, func() string { return ":0\r\n" }, 0, "another host took over while this one was stopped: this host fetched"},
		{"a text", nil, func() string { return "+OK\r\n" }, 0, "another host took over"},
		{"no lease of this time", func() string { return list("lease", now(), "9007199254740993", "") }, nil, 0, "what it answers makes no sense: this host fetched"},
		{"a time of no time", func() string { return list("nothing", "-1") }, nil, 0, "what it answers makes no sense: this host fetched"},
		{"ever other tokens", func() string { return list("entry", now(), fmt.Sprint(many.Add(1)), "CRP1E", "0") }, nil, 0, "what it answers makes no sense: this host fetched"},
		{"ever other marks", func() string { return list("mark", now(), fmt.Sprint(many.Add(1)), "CRP1M") }, nil, 0, "what it answers makes no sense: this host fetched"},
		{"a word alone", func() string { return list("lease") }, nil, 9, "it does not speak the protocol of Redis"},
		{"a newer release", func() string { return list("version", "7\x1b[31m") }, nil, 9, "a newer release of credhelper writes to the store: version (not readable)"},
		{"another key", func() string { return list("key", strings.Repeat("x", 1<<16)) }, nil, 9, "the store has (not readable)"},
		{"held, then huge", nil, nil, 9, "it does not speak the protocol of Redis"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Bool
			first, then := c.first, c.then
			if first == nil {
				first = func() string { return list("lease", now(), now(), "") }
			}
			if c.name == "held, then huge" {
				first, then = func() string { return list("held", now()) }, func() string { return "$1099511627776\r\n" }
			}
			if then == nil {
				then = first
			}
			where := fmt.Sprintf("[pool.ci]\nstore = [\"redis\", %q]\nauth = [\"command\", \"/bin/echo\", \"pass-canary-word\"]", pooltest.StartStranger(t, func(words []string) string {
				switch {
				case words[0] == "AUTH":
					return "+OK\r\n"
				case asked.CompareAndSwap(false, true):
					return first()
				}
				return then()
			}))
			f := newFleetAt(t, where, 1, "")
			began := time.Now()
			r := finish(t, f.homes[0].Command("token", "jama"))
			quiet(t, c.name, r)
			if r.code != c.code || c.code == 0 && !f.knows(r.token()) || !strings.Contains(r.stderr, c.says) || c.says == "" && r.stderr != "" || strings.Count(r.stderr, "\n") > 2 {
				t.Errorf("%+v", r)
			}
			if n, want := f.requests(), 1-c.code/9; n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			figure(t, c.name, 8*time.Second, time.Since(began))
		})
	}
}
