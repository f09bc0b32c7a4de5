package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A person is asked on the terminal device, never on stdin and stdout: those
// belong to data (git clone | ..., credhelper token x > file).

// errNoTerminal is what asking costs where nobody sits.
var errNoTerminal = &protocol.Error{
	Kind: protocol.ErrMalformed,
	Text: "there is no terminal to ask on",
	Hint: "give the secret with --secret-stdin or --secret-file FILE",
}

// longestLine is the most that a terminal in line mode takes; the kernel drops
// the rest of a longer line without a word.
const longestLine = 4095

// askSecret asks for a secret that is typed or pasted without being shown. Ctrl-C
// and friends give the terminal back as it was and end with 128+n (F22).
func (s *session) askSecret(question string) (secret.Text, error) {
	tty, err := s.openTerminal()
	if err != nil {
		return secret.Text{}, err
	}
	defer tty.Close()
	fd := int(tty.in.Fd())
	restore, err := s.guardTerminal(fd, tty)
	if err != nil {
		return secret.Text{}, err
	}
	defer restore()
	if _, err := io.WriteString(tty.out, question+": "); err != nil {
		return secret.Text{}, errNoTerminal
	}
	typed, err := readHidden(fd)
	if err == nil && len(typed) > 0 {
		// As many as these, whatever the length, which is nobody's business.
		_, _ = io.WriteString(tty.out, "********")
	}
	_, _ = io.WriteString(tty.out, "\n")
	if errors.Is(err, io.EOF) || err == nil && len(typed) == 0 {
		return secret.Text{}, malformed("nothing was typed")
	}
	if err != nil {
		return secret.Text{}, errNoTerminal
	}
	defer clear(typed)
	if len(typed) >= longestLine {
		return secret.Text{}, malformed("the secret is too long to be typed into a terminal; use --secret-file or --secret-stdin")
	}
	return cleanSecret(typed)
}

// askYes asks a question that yes, y and nothing else agrees to.
func (s *session) askYes(question string) (bool, error) {
	tty, err := s.openTerminal()
	if err != nil {
		return false, err
	}
	defer tty.Close()
	if _, err := io.WriteString(tty.out, oneLine(question)+" [y/N] "); err != nil {
		return false, errNoTerminal
	}
	answer := make([]byte, 64)
	n, err := tty.in.Read(answer)
	if err != nil && n == 0 {
		return false, nil
	}
	switch strings.ToLower(strings.TrimSpace(string(answer[:n]))) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// cleanSecret reads what was typed, pasted or piped, and says what is wrong with
// it without showing it.
func cleanSecret(raw []byte) (secret.Text, error) {
	text, err := keyring.CleanSecret(raw)
	if err != nil {
		return secret.Text{}, malformed(strings.TrimPrefix(err.Error(), keyring.ErrInvalid.Error()+": "))
	}
	return text, nil
}

// terminal is the terminal device, open.
type terminal struct{ in, out *os.File }

func (t terminal) Close() {
	t.in.Close()
	if t.out != t.in {
		t.out.Close()
	}
}

func (s *session) openTerminal() (terminal, error) {
	if !s.interactive() {
		return terminal{}, errNoTerminal
	}
	if windows {
		in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
		if err != nil {
			return terminal{}, errNoTerminal
		}
		out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
		if err != nil {
			in.Close()
			return terminal{}, errNoTerminal
		}
		return terminal{in, out}, nil
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return terminal{}, errNoTerminal
	}
	return terminal{tty, tty}, nil
}

// guardTerminal makes sure that a signal does not leave a terminal without echo.
func (s *session) guardTerminal(fd int, tty terminal) (restore func(), err error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, errNoTerminal
	}
	signals := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(signals, endingSignals[:]...)
	go func() {
		select {
		case got := <-signals:
			_ = term.Restore(fd, before)
			_, _ = io.WriteString(tty.out, "\n")
			s.exit(128 + signalNumber(got))
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		_ = term.Restore(fd, before)
	}, nil
}

// signalNumber is the number that an exit code of 128+n has.
func signalNumber(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return 0
}

// secretFlags are the ways a secret comes in. None of them carries it: argv and
// the environment can be read by others (T6, T7).
type secretFlags struct {
	stdin bool
	file  string
	key   string // file of a private key
}

// readSecret reads the secret from where the flags say, else it asks; first runs
// before somebody is asked. stdin is read to its end, which whoever pipes
// something into it provides.
func (s *session) readSecret(question string, first func()) (secret.Text, error) {
	raw, given, err := s.secretOctets()
	switch {
	case err != nil:
		return secret.Text{}, err
	case given:
		defer clear(raw)
		return cleanSecret(raw)
	}
	if tty, err := s.openTerminal(); err == nil {
		tty.Close()
		first()
	}
	s.typed = true
	return s.askSecret(question)
}

// oddEnds says what surrounds a secret that was probably not meant: a blank or
// quotation marks, as they come with copying; "" if nothing does.
func oddEnds(text string) string {
	if bare := strings.Trim(text, " "); bare != "" && bare != text {
		return "begins or ends with a blank"
	}
	if len(text) > 2 && text[0] == text[len(text)-1] && strings.IndexByte("\"'`", text[0]) >= 0 {
		return "stands in quotation marks"
	}
	return ""
}

// checkEnds asks whether what surrounds a typed secret belongs to it, and takes it off
// if it does not. Of one that was piped it only says so.
func (s *session) checkEnds(text secret.Text) (secret.Text, error) {
	if odd := oddEnds(text.Reveal()); odd != "" && !s.typed {
		s.say("Note: the secret " + odd + "; it is taken as it is.")
		return text, nil
	}
	for odd := oddEnds(text.Reveal()); odd != ""; odd = oddEnds(text.Reveal()) {
		if belongs, err := s.askYes("What you typed " + odd + ". Does that belong to the secret?"); err != nil || belongs {
			return text, err
		}
		bare := strings.Trim(text.Reveal(), " ")
		if bare == text.Reveal() {
			bare = bare[1 : len(bare)-1]
		}
		text = secret.New(bare)
	}
	return text, nil
}

// secretOctets reads --secret-stdin or --secret-file.
func (s *session) secretOctets() (raw []byte, given bool, err error) {
	switch {
	case s.secret.stdin && s.secret.file != "":
		return nil, false, malformed("--secret-stdin and --secret-file: one of them")
	case s.secret.stdin:
		raw, err = readLimited(s.stdin, "stdin")
		return raw, true, err
	case s.secret.file != "":
		f, err := os.Open(s.secret.file)
		if err != nil {
			return nil, true, policy("--secret-file: " + err.Error())
		}
		defer f.Close()
		s.noteShared("--secret-file", s.secret.file)
		raw, err := readLimited(f, s.secret.file)
		return raw, true, err
	}
	return nil, false, nil
}

// readLimited reads at most what a secret may have; one octet more is refused.
func readLimited(r io.Reader, name string) ([]byte, error) {
	const limit = keyring.MaxSecret + 2 // and the end of its line
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, policy(name + ": " + err.Error())
	}
	if len(raw) > limit {
		return nil, malformed(fmt.Sprintf("%s: more than the %d octets that a secret may have", name, keyring.MaxSecret))
	}
	return raw, nil
}
