package config

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/configfile"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Each member of a profile's file has a tag that says what credhelper reads when it
// uses the member:
//
//	reads:"secret"  a source of a secret, of a key or of a token: a list
//	                as keyring.NewSource takes it, or "keyring"
//	reads:"file"    the path of a local file that is not secret
//	reads:"environment"  names of variables that the profile's commands get
//	reads:"pool"    a section [pool.NAME] of config.toml
//	reads:"-"       nothing but the profile
//
// All code that must know which keys refer to this machine uses Sources, so that this
// is decided once for a new member. A member without a tag fails a test.

// Source is a key of a profile that refers to this machine.
type Source struct {
	Key    string   // as in the file, such as "assertion.from"
	Words  []string // as in keyring.NewSource, or "keyring"; for a file {"file", PATH}; for variables of commands {"environment", NAME...}; for a pool {"pool", NAME}
	Secret bool     // the value is a secret, and may be sent to a server
}

// inKeyring is the word for a secret in the keyring.
const inKeyring = "keyring"

// inKeyring reports whether the secret is stored in the keyring, which gives it only to
// the profile that it was stored for.
func (s Source) inKeyring() bool { return slices.Equal(s.Words, []string{inKeyring}) }

// runsCommand reports whether reading the source runs a program.
func (s Source) runsCommand() bool { return s.kind() == "command" }

// ReachesOut reports whether reading the source runs a program or asks a server.
func (s Source) ReachesOut() bool {
	return s.runsCommand() || s.kind() == keyring.KindVault || s.kind() == keyring.KindGitHub
}

// kindPool is the first word for a pool, whose other hosts get the profile's tokens.
const kindPool = "pool"

// Elsewhere reports whether there is nothing to read at this key: the secret is stored in
// the keyring, or it is the pool with which the profile shares its tokens.
func (s Source) Elsewhere() bool { return s.inKeyring() || s.kind() == kindPool }

func (s Source) kind() string {
	if len(s.Words) == 0 {
		return ""
	}
	return s.Words[0]
}

// String returns the key with its source, in ASCII: assertion.from = ["env" "NAME"].
func (s Source) String() string { return fmt.Sprintf("%s = %+q", s.Key, s.Words) }

// environment is the first word for variables of commands.
const environment = "environment"

// Variables returns the environment variables that contain a secret of the source.
// Variables for commands are judged by their names: a program of the user's fails
// without VAULT_TOKEN, but without KUBECONFIG it would work on another cluster.
func (s Source) Variables() []string {
	if len(s.Words) > 0 && s.Words[0] == environment {
		return slices.DeleteFunc(slices.Clone(s.Words[1:]), func(name string) bool { return !namesSecret(name) })
	}
	source, err := keyring.NewSource(s.Words, keyring.Surroundings{})
	switch {
	case err != nil:
	case source.Kind == "env":
		return source.Words
	case source.Kind == keyring.KindGitHub:
		return []string{keyring.GitHubToken}
	}
	return nil
}

// namesSecret reports whether a variable's name suggests a secret.
func namesSecret(name string) bool {
	return slices.ContainsFunc([]string{"TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "SESSION", "KEY"},
		func(word string) bool { return strings.Contains(strings.ToUpper(name), word) })
}

// sources returns the keys of the file that refer to this machine.
func (f *File) sources() []Source { return sourcesIn(reflect.ValueOf(f), "") }

func sourcesIn(v reflect.Value, prefix string) (list []Source) {
	if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
		return nil
	}
	for i, tag := range configfile.Tags(v.Type()) {
		value := v.Field(i)
		if value.IsZero() {
			continue
		}
		key := prefix + tag.Key
		switch {
		case tag.Reads == "secret":
			// A value that is not a list of strings has no words, and so is not the
			// keyring either.
			words, _ := textList(value.Interface())
			list = append(list, Source{Key: key, Words: words, Secret: true})
		case tag.Reads == "file":
			list = append(list, Source{Key: key, Words: []string{"file", value.String()}})
		case tag.Reads == environment:
			words, _ := textList(value.Interface())
			list = append(list, Source{Key: key, Words: append([]string{environment}, words...), Secret: true})
		case tag.Reads == kindPool:
			list = append(list, Source{Key: key, Words: []string{kindPool, value.String()}, Secret: true})
		default:
			list = append(list, sourcesIn(value, key+".")...)
		}
	}
	return list
}

// sourceOf returns the words of a source; nil if there is none.
func sourceOf(v any) ([]string, bool) {
	words, ok := textList(v)
	if !ok || words == nil {
		return nil, ok
	}
	_, err := keyring.NewSource(words, keyring.Surroundings{})
	return words, err == nil
}

// ReadableByOthers returns a warning if the source is a secret file that other users
// may read; "" if not. The file is used all the same, because mounts of Kubernetes and
// systemd often have mode 0444 in places that no one else can access. On Windows modes
// mean nothing.
func (s Source) ReadableByOthers() string {
	if !s.Secret || len(s.Words) != 2 || s.Words[0] != "file" || runtime.GOOS == "windows" {
		return ""
	}
	info, err := os.Stat(s.Words[1])
	if err != nil || info.Mode().Perm()&0o044 == 0 {
		return ""
	}
	return printable.Line(fmt.Sprintf("%s: others can read %s (mode %04o)", s.Key, s.Words[1], info.Mode().Perm()))
}
