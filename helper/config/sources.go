package config

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
)

// Each member of a profile's file has a tag that says what credhelper reads when
// it uses the member:
//
//	reads:"secret"  a source of a secret, of a key or of somebody's token: a list
//	                as keyring.NewSource takes it, or "keyring"
//	reads:"file"    the path of a local file that is not secret
//	reads:"environment"  names of variables that the profile's commands get
//	reads:"-"       nothing but the profile
//
// Everything that must know which members reach out to this machine asks Sources,
// so that a new member is decided once. A member without a tag fails a test.

// Source is a member of a profile that names a place on this machine.
type Source struct {
	Key    string   // as the file has it, such as "assertion.from"
	Words  []string // as keyring.NewSource takes them, or "keyring"; of a file {"file", PATH}; of variables for commands {"environment", NAME...}
	Secret bool     // what is read there is a secret, and may be sent to a server
}

// inKeyring is the word of a profile whose secret is in the keyring.
const inKeyring = "keyring"

// InKeyring reports whether the secret is kept in the keyring, which gives it only
// to the profile that it was stored for.
func (s Source) InKeyring() bool { return slices.Equal(s.Words, []string{inKeyring}) }

// RunsCommand reports whether reading the source runs a program.
func (s Source) RunsCommand() bool { return len(s.Words) > 0 && s.Words[0] == "command" }

// String is the member with its place, in ASCII: assertion.from = ["env" "NAME"].
func (s Source) String() string { return fmt.Sprintf("%s = %+q", s.Key, s.Words) }

// environment is the first of the Words of variables that commands get.
const environment = "environment"

// Variables are the environment variables that hold a secret for the source. Of those
// that are passed on to commands it is the name that says so: a program of the user's
// that loses VAULT_TOKEN fails, but one that loses KUBECONFIG works on another
// cluster.
func (s Source) Variables() []string {
	if len(s.Words) > 0 && s.Words[0] == environment {
		return slices.DeleteFunc(slices.Clone(s.Words[1:]), func(name string) bool { return !namesSecret(name) })
	}
	source, err := keyring.NewSource(s.Words, keyring.Surroundings{})
	if err != nil || source.Kind != "env" {
		return nil
	}
	return source.Words
}

// namesSecret reports whether a variable is named as those that hold a secret.
func namesSecret(name string) bool {
	return slices.ContainsFunc([]string{"TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "SESSION", "KEY"},
		func(word string) bool { return strings.Contains(strings.ToUpper(name), word) })
}

// sources lists the members of the file that name a place on this machine.
func (f *File) sources() []Source { return sourcesIn(reflect.ValueOf(f), "") }

func sourcesIn(v reflect.Value, prefix string) (list []Source) {
	if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		member := v.Type().Field(i)
		name, _, _ := strings.Cut(member.Tag.Get("toml"), ",")
		key, value := prefix+name, v.Field(i)
		switch {
		case value.IsZero():
		case member.Tag.Get("reads") == "secret":
			// What is no list of texts has no words, and so is not the keyring either.
			words, _ := textList(value.Interface())
			list = append(list, Source{Key: key, Words: words, Secret: true})
		case member.Tag.Get("reads") == "file":
			list = append(list, Source{Key: key, Words: []string{"file", value.String()}})
		case member.Tag.Get("reads") == environment:
			words, _ := textList(value.Interface())
			list = append(list, Source{Key: key, Words: append([]string{environment}, words...), Secret: true})
		default:
			list = append(list, sourcesIn(value, key+".")...)
		}
	}
	return list
}

// ReadableByOthers says so if the source is a secret file that other users may read;
// "" if it is not. Such a file is used all the same: mounts of Kubernetes and systemd
// are often of mode 0444 where nobody else is. On Windows modes say nothing.
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
