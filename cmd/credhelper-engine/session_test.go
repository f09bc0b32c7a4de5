package main

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// TestWatch: whatever hangs, and wherever, the process ends at its limit with an answer
// (R2).
func TestWatch(t *testing.T) { synctest.Test(t, testWatch) }

func testWatch(t *testing.T) {
	exited := make(chan int, 1)
	s := &session{now: time.Now, start: time.Now(), guard: new(answerGuard), exit: func(code int) { exited <- code }}
	refused := make(chan error, 1)
	ctx, cancel := s.watch(200*time.Millisecond, func(err error) int {
		refused <- err
		return protocol.ExitCode(err)
	})
	defer cancel()
	<-ctx.Done() // a little earlier, for those who watch it
	if early := 200*time.Millisecond - time.Since(s.start); early < 0 {
		t.Errorf("the context ended after the limit")
	}
	if code := <-exited; code != 8 {
		t.Errorf("exit %d", code)
	}
	if err := <-refused; !errors.Is(err, protocol.ErrUnreachable) {
		t.Error(err)
	}
	ctx, cancel = s.watch(time.Hour, nil)
	cancel()
	if ctx.Err() == nil {
		t.Error("a watch that was ended goes on")
	}
}

// TestOneAnswer: never do both the watchdog and the answer write (R7).
func TestOneAnswer(t *testing.T) {
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s := &session{stdout: out, stderr: out, guard: new(answerGuard)}
	if code := s.reply(protocol.Reply{Stdout: []byte("first"), Exit: 3}, nil); code != 3 {
		t.Errorf("exit %d", code)
	}
	if code := s.reply(protocol.Reply{Stdout: []byte("second"), Exit: 0}, errors.New("x")); code != 3 {
		t.Errorf("exit %d", code)
	}
	if text, _ := os.ReadFile(out.Name()); string(text) != "first" {
		t.Errorf("%q was written", text)
	}
}

// TestScreen: columns line up with and without colours; bars and colours are used only if
// the terminal has them.
func TestScreen(t *testing.T) {
	rows := [][]string{{"A", "LONG"}, {"value", "x"}}
	if got := (screen{}).table(rows); got != "A       LONG\nvalue   x\n" {
		t.Errorf("%q", got)
	}
	c := screen{colour: true, bars: true}
	if got := c.table([][]string{{"A", "B"}, {c.paint(red, "ab"), "x"}, {"abcd", "y"}}); got != "\x1b[1mA      B\x1b[0m\n\x1b[31mab\x1b[0m     x\nabcd   y\n" {
		t.Errorf("%q", got)
	}
	if got := c.bar(1, 2, 4); got != "\u2588\u2588\u2591\u2591 " {
		t.Errorf("%q", got)
	}
	for _, part := range []int64{-1, 0, 5, 99} {
		if got := width(c.bar(part, 4, 4)); got != 5 {
			t.Errorf("bar of %d: %d columns", part, got)
		}
	}
	if (screen{}).bar(1, 2, 4) != "" || (screen{}).paint(red, "x") != "x" {
		t.Error("colours without a terminal")
	}
}
