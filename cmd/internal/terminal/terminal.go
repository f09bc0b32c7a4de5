// Package terminal asks a person on the terminal device, never on stdin and stdout,
// which carry data (git clone | ..., credhelper token x > file).
package terminal

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// ErrNone is the error if there is no terminal for a prompt.
var ErrNone = &protocol.Error{
	Kind: protocol.ErrMalformed,
	Text: "there is no terminal for a prompt",
	Hint: "give the secret with --secret-stdin or --secret-file FILE",
}

// ErrTooLong is the error for what a terminal does not pass on as a whole.
var ErrTooLong = &protocol.Error{
	Kind: protocol.ErrMalformed,
	Text: "the secret is too long to be typed into a terminal",
	Hint: "use --secret-file or --secret-stdin",
}

// longestLine is the longest line that a terminal in canonical mode accepts; the kernel
// silently drops the rest of a longer one.
const longestLine = 4095

// AskSecret asks for a secret without echo, and returns what was typed or pasted. If
// one of the signals in ending arrives, it restores the terminal and ends the process
// with 128+n (F22).
func AskSecret(question string, ending []os.Signal, exit func(int)) ([]byte, error) {
	tty, err := Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	fd := int(tty.in.Fd())
	restore, err := guard(fd, tty, ending, exit)
	if err != nil {
		return nil, err
	}
	defer restore()
	show, err := hide(fd) // before the question, which a program may answer at once
	if err != nil {
		return nil, ErrNone
	}
	defer show()
	if _, err := io.WriteString(tty.out, question+": "); err != nil {
		return nil, ErrNone
	}
	text, err := readLine(fd)
	if err == nil && len(text) > 0 {
		// Always as many, so that the length is not shown.
		_, _ = io.WriteString(tty.out, "********")
	}
	_, _ = io.WriteString(tty.out, "\n")
	if errors.Is(err, io.EOF) || err == nil && len(text) == 0 {
		return nil, protocol.Malformed("nothing was typed")
	}
	if err != nil {
		return nil, ErrNone
	}
	if len(text) >= longestLine {
		clear(text)
		return nil, ErrTooLong
	}
	return text, nil
}

// AskYes asks a question and reports whether the answer was "y" or "yes".
func AskYes(question string) (bool, error) {
	answer, _, err := AskLine(question + " [y/N] ")
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, err
	}
	return false, err
}

// AskLine asks for a line that everybody may see, and returns it without blanks around it.
// given is false for Ctrl-D.
func AskLine(question string) (answer string, given bool, err error) {
	tty, err := Open()
	if err != nil {
		return "", false, err
	}
	defer tty.Close()
	end := len(strings.TrimRight(question, " "))
	if _, err := io.WriteString(tty.out, printable.Line(question[:end])+question[end:]); err != nil {
		return "", false, ErrNone
	}
	line := make([]byte, 4096)
	n, _ := tty.in.Read(line)
	if n == 0 || line[n-1] != '\n' { // Ctrl-D: end the line
		_, _ = io.WriteString(tty.out, "\n")
	}
	return strings.TrimSpace(string(line[:n])), n > 0, nil
}

// A Terminal is the opened terminal device.
type Terminal struct{ in, out *os.File }

// Close closes the device.
func (t Terminal) Close() {
	t.in.Close()
	if t.out != t.in {
		t.out.Close()
	}
}

// Open opens the terminal of this process, or fails with ErrNone.
func Open() (Terminal, error) {
	if runtime.GOOS == "windows" {
		in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
		if err != nil {
			return Terminal{}, ErrNone
		}
		out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
		if err != nil {
			in.Close()
			return Terminal{}, ErrNone
		}
		return Terminal{in, out}, nil
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return Terminal{}, ErrNone
	}
	return Terminal{tty, tty}, nil
}

// guard restores the terminal's echo when a signal ends the process.
func guard(fd int, tty Terminal, ending []os.Signal, exit func(int)) (restore func(), err error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, ErrNone
	}
	signals := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(signals, ending...)
	go func() {
		select {
		case got := <-signals:
			_ = term.Restore(fd, before)
			_, _ = io.WriteString(tty.out, "\n")
			exit(128 + signalNumber(got))
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		_ = term.Restore(fd, before)
	}, nil
}

// signalNumber returns the n of an exit code 128+n.
func signalNumber(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return 0
}
