package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// personSits reports whether prompts are allowed and there is a terminal for them.
func (s *session) personSits() bool {
	if !s.interactive() {
		return false
	}
	tty, err := terminal.Open()
	if err == nil {
		tty.Close()
	}
	return err == nil
}

// askSecret asks for a secret without echo.
func (s *session) askSecret(question string) (secret.Text, error) {
	if !s.interactive() {
		return secret.Text{}, terminal.ErrNone
	}
	text, err := terminal.AskSecret(question, endingSignals[:], s.exit)
	if err != nil {
		return secret.Text{}, err
	}
	defer clear(text)
	return cleanSecret(text)
}

// askYes asks a question and reports whether the answer was "y" or "yes".
func (s *session) askYes(question string) (bool, error) {
	if !s.interactive() {
		return false, terminal.ErrNone
	}
	return terminal.AskYes(question)
}

// cleanSecret checks a typed, pasted or piped secret. Its errors do not show the
// secret.
func cleanSecret(raw []byte) (secret.Text, error) {
	text, err := keyring.CleanSecret(raw)
	if err != nil {
		return secret.Text{}, protocol.Malformed(keyring.Detail(err).Error())
	}
	return text, nil
}

// readSecret reads the secret from the source that the flags name, or asks for it.
// first, if not nil, runs before the prompt, which is skipped if it fails. stdin is
// read to its end, as the caller who pipes into it provides it.
func (s *session) readSecret(question string, first func() error) (secret.Text, error) {
	raw, given, err := s.secretBytes()
	switch {
	case err != nil:
		return secret.Text{}, err
	case given:
		defer clear(raw)
		return cleanSecret(raw)
	}
	if first != nil && s.personSits() {
		if err := first(); err != nil {
			return secret.Text{}, err
		}
	}
	s.typed = true
	return s.askSecret(question)
}

// oddEnds describes characters around a secret that were probably copied by mistake: a
// space or quotation marks; "" if there are none.
func oddEnds(text string) string {
	if bare := strings.Trim(text, " "); bare != "" && bare != text {
		return "begins or ends with a blank"
	}
	if unquoted(text) != text {
		return "stands in quotation marks"
	}
	return ""
}

// unquoted removes the quotation marks around a text: the same mark twice, or a pair of
// typographic ones.
func unquoted(text string) string {
	for _, pair := range [...]string{`""`, "''", "``", "“”", "‘’", "„“", "”“", "””", "’’", "‚‘", "«»", "»«", "‹›"} {
		_, size := utf8.DecodeRuneInString(pair)
		bare, opened := strings.CutPrefix(text, pair[:size])
		bare, closed := strings.CutSuffix(bare, pair[size:])
		if opened && closed && bare != "" {
			return bare
		}
	}
	return text
}

// checkEnds asks whether such characters around a typed secret belong to it, and
// removes them if not. For a piped secret it only reports them.
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
			bare = unquoted(bare)
		}
		text = secret.New(bare)
	}
	return text, nil
}

// secretBytes reads --secret-stdin or --secret-file.
func (s *session) secretBytes() (raw []byte, given bool, err error) {
	switch {
	case s.secret.stdin && s.secret.file != "":
		return nil, false, protocol.Malformed("--secret-stdin and --secret-file: one of them")
	case s.secret.stdin:
		raw, err = readLimited(s.stdin, "stdin")
		return raw, true, err
	case s.secret.file != "":
		f, err := openSecretFile("--secret-file", s.secret.file)
		if err != nil {
			return nil, true, err
		}
		defer f.Close()
		s.noteShared("--secret-file", s.secret.file)
		raw, err := readLimited(f, s.secret.file)
		return raw, true, err
	}
	return nil, false, nil
}

// openSecretFile opens the file that a flag names. Its errors do not repeat the path,
// which may be the secret itself.
func openSecretFile(flag, path string) (*os.File, error) {
	f, err := os.Open(path)
	if wrong := (*os.PathError)(nil); errors.As(err, &wrong) {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: flag + ": " + wrong.Err.Error(), Hint: flag + " takes the path of a file, not what is in it"}
	}
	return f, err
}

// readLimited reads at most the maximum size of a secret; one byte more is refused.
func readLimited(r io.Reader, name string) ([]byte, error) {
	const limit = keyring.MaxSecret + 2 // plus the line break
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, protocol.Policy(name + ": " + err.Error())
	}
	if len(raw) > limit {
		return nil, protocol.Malformed(fmt.Sprintf("%s: more than the %d bytes that a secret may have", name, keyring.MaxSecret))
	}
	return raw, nil
}

// secretFlagsOf adds the flags of a command that reads a secret to its help.
func (s *session) secretFlagsOf(c *cobra.Command) {
	c.Flags().BoolVar(&s.secret.stdin, "secret-stdin", false, "read the secret from stdin")
	c.Flags().StringVar(&s.secret.file, "secret-file", "", "read the secret from `FILE`")
	c.Flags().StringVar(&s.secret.key, "key-file", "", "the client signs: keep the private key of `FILE` (PEM, PKCS#12, Google's JSON)")
}

// expiryDate parses --expires: a future date, in UTC; zero for "".
func (s *session) expiryDate(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return t, protocol.Malformed("--expires wants a date, YYYY-MM-DD")
	case !t.After(s.now()):
		return t, protocol.Malformed("--expires " + text + " is past")
	}
	return t, nil
}
