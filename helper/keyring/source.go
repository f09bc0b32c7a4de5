package keyring

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Source is a place that supplies one secret without being a keyring, as named by a
// profile: ["file", PATH], ["command", "/abs/path", ARG...], ["env", NAME],
// ["credential", NAME], ["vault", ADDRESS, "MOUNT/data/PATH#FIELD"] or
// ["github", AUDIENCE].
type Source struct {
	// Kind is the first word.
	Kind string
	// Words are the others; they have been checked.
	Words []string

	around Surroundings
	read   func(context.Context, []string, Surroundings) ([]byte, error)
}

// Surroundings is what a Source may use of the process.
type Surroundings struct {
	// Lookup returns an environment variable, for ["env", NAME]. The caller must remove
	// that variable from the environment of every child.
	Lookup func(name string) (value string, found bool)
	// Environ is the environment as "NAME=value". Commands get the few variables that
	// usual tools need, and those in Names, but no others.
	Environ []string
	// Names are variables that the profile passes to its commands, checked by
	// CheckVariable.
	Names []string
	// Stdin is what a command reads; nil: nothing.
	Stdin []byte
	// Failed receives the output of a failed command, with at most 4 KiB of stderr; it
	// may contain secrets. If nil, the command's stderr is discarded.
	Failed func(stdout, stderr secret.Text)
	// Credentials is $CREDENTIALS_DIRECTORY; "" if systemd set none.
	Credentials string
	// Ask asks a server for what a source of KindVault or KindGitHub names; nil: there
	// is nobody who could. Its errors are those of this package, or have a meaning of
	// their own, which is kept.
	Ask func(ctx context.Context, kind string, words []string) ([]byte, error)
}

// sourceKinds lists every kind of source.
var sourceKinds = [...]struct {
	kind  string
	check func(words []string) string // what is wrong; "" if nothing is
	read  func(context.Context, []string, Surroundings) ([]byte, error)
}{
	{"file", oneAbsolute, func(_ context.Context, words []string, _ Surroundings) ([]byte, error) {
		return readFile(words[0])
	}},
	{"command", absoluteFirst, func(ctx context.Context, words []string, around Surroundings) ([]byte, error) {
		return RunCommand(ctx, words, around)
	}},
	{"env", oneVariable, func(_ context.Context, words []string, around Surroundings) ([]byte, error) {
		return readVariable(words[0], around)
	}},
	{"credential", oneCredential, func(_ context.Context, words []string, around Surroundings) ([]byte, error) {
		return readCredential(words[0], around)
	}},
	{KindVault, addressAndField, asked(KindVault)},
	{KindGitHub, oneAudience, asked(KindGitHub)},
}

// NewSource checks the words of a profile's "secret". An error is ErrInvalid; nothing
// is opened yet.
func NewSource(words []string, around Surroundings) (Source, error) {
	if len(words) == 0 {
		return Source{}, problem(ErrInvalid, "an empty source of a secret")
	}
	for _, word := range words[1:] {
		if strings.ContainsRune(word, 0) {
			return Source{}, problem(ErrInvalid, "source %q has a NUL", words[0])
		}
	}
	for _, row := range sourceKinds {
		if row.kind != words[0] {
			continue
		}
		if wrong := row.check(words[1:]); wrong != "" {
			return Source{}, problem(ErrInvalid, "source %q takes %s", row.kind, wrong)
		}
		return Source{Kind: row.kind, Words: words[1:], around: around, read: row.read}, nil
	}
	// The word is not quoted: it may be the secret itself, in the wrong place.
	return Source{}, problem(ErrInvalid, "the first word of a source is not file, command, env, credential, vault or github")
}

// String names the source for people and logs, without the arguments of a command.
func (s Source) String() string {
	if len(s.Words) == 0 {
		return s.Kind
	}
	return s.Kind + " " + s.Words[0]
}

// Read returns the secret, after CleanSecret. A missing file, variable or credential is
// ErrNotFound; a source that others could have changed is ErrUnsafe.
func (s Source) Read(ctx context.Context) (secret.Text, error) {
	raw, err := s.bytes(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	value, err := CleanSecret(raw)
	if err != nil {
		return secret.Text{}, fmt.Errorf("%s: %w", s, err)
	}
	return value, nil
}

// ReadKey returns the bytes unchanged, for private keys, which have several lines or
// are binary; at most MaxSecret.
func (s Source) ReadKey(ctx context.Context) (secret.Text, error) {
	raw, err := s.bytes(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	if len(raw) == 0 {
		return secret.Text{}, fmt.Errorf("%s: %w: it is empty", s, ErrInvalid)
	}
	return secret.New(string(raw)), nil
}

func (s Source) bytes(ctx context.Context) ([]byte, error) {
	if s.read == nil {
		return nil, problem(ErrInvalid, "a source that was not made by NewSource")
	}
	raw, err := s.read(ctx, s.Words, s.around)
	if err != nil {
		return nil, &sourceError{s, err}
	}
	return raw, nil
}

// sourceError explains a source's failure, without blaming a keyring.
type sourceError struct {
	source Source
	err    error
}

func (e *sourceError) Error() string {
	what := Detail(e.err)
	if file, ok := what.(*fs.PathError); ok { // whose path the source names
		what = file.Err
	}
	return e.source.String() + ": " + what.Error()
}

func (e *sourceError) Unwrap() error { return e.err }

func oneAbsolute(words []string) string {
	if len(words) != 1 || !filepath.IsAbs(words[0]) {
		return "one absolute path"
	}
	return ""
}

func absoluteFirst(words []string) string {
	if len(words) == 0 || !filepath.IsAbs(words[0]) {
		return "an absolute path, then arguments"
	}
	return ""
}

// everybodys are variables that every program needs, so they contain no secret and
// cannot be removed.
var everybodys = [...]string{"PATH", "HOME", "USER", "LANG", "TMPDIR", "SHELL", "TERM"}

func oneVariable(words []string) string {
	if len(words) != 1 || !isVariable(words[0]) {
		return "the name of one variable"
	}
	if slices.Contains(everybodys[:], words[0]) {
		return "a variable of its own, not " + words[0] + ", which every program has"
	}
	return ""
}

func oneCredential(words []string) string {
	if len(words) != 1 || words[0] == "" || len(words[0]) > 255 || strings.HasPrefix(words[0], ".") || strings.ContainsAny(words[0], `/\:`) {
		return "the name of one credential"
	}
	return ""
}

func readVariable(name string, around Surroundings) ([]byte, error) {
	if around.Lookup == nil {
		return nil, problem(ErrUnavailable, "no environment was given")
	}
	value, found := around.Lookup(name)
	if !found {
		return nil, problem(ErrNotFound, "the variable is not set")
	}
	return []byte(value), nil
}

func readCredential(name string, around Surroundings) ([]byte, error) {
	if around.Credentials == "" {
		return nil, problem(ErrUnavailable, "systemd gave no credentials (CREDENTIALS_DIRECTORY is not set)")
	}
	return readFile(filepath.Join(around.Credentials, name))
}
