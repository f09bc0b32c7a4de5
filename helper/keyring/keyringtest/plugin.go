package keyringtest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// outlives is the argument of a plugin's child that outlives it. At its end it makes
// NAME.ended.
const outlives = "outlives"

// AgePlugin makes a test binary a plugin of age, written with age's own framework, if
// it was started by a name of age-plugin-NAME: played says so, and code is its exit.
// Beside the program it leaves what it was given, in NAME.environ.
//
// NAME is what it does: "good" seals and opens; "pin" asks for the PIN 1234 first;
// "touch" opens only if somebody was told; "slow" does not end; "leaving"
// leaves behind a process that holds its stdout, and does not end; "broken" seals and does
// not open; "silent" ends without a word; "garbage" speaks another language; "noisy"
// has a canary in its error.
func AgePlugin(args, environ []string, out io.Writer) (code int, played bool) {
	name, is := strings.CutPrefix(strings.TrimSuffix(filepath.Base(args[0]), ".exe"), "age-plugin-")
	if !is || len(args) != 2 {
		return 0, false
	}
	if args[1] == outlives {
		time.Sleep(30 * time.Second)
		_ = os.WriteFile(args[0]+".ended", nil, 0o600) // the test may be over, with its directory
		return 0, true
	}
	if os.WriteFile(args[0]+".environ", []byte(strings.Join(environ, "\n")+"\n"), 0o600) != nil {
		return 1, true
	}
	switch name {
	case "slow":
		time.Sleep(time.Hour)
	case "leaving":
		child := exec.Command("setsid", args[0], outlives) // out of reach of a signal to our group
		child.Stdout = out
		if child.Start() != nil {
			return 1, true
		}
		time.Sleep(time.Hour)
	case "silent":
		return 0, true
	case "garbage":
		_, _ = io.WriteString(out, strings.Repeat("garbage", 1<<16))
		return 0, true
	}
	p, err := plugin.New(name)
	if err != nil {
		return 1, true
	}
	p.HandleIdentityAsRecipient(func([]byte) (age.Recipient, error) { return vault{p, name}, nil })
	p.HandleIdentity(func([]byte) (age.Identity, error) { return vault{p, name}, nil })
	if args[1] == "--age-plugin=recipient-v1" {
		return p.RecipientV1(), true
	}
	return p.IdentityV1(), true
}

// vault is what a TPM would be: a key that never leaves the plugin.
type vault struct {
	plugin *plugin.Plugin
	name   string
}

func (v vault) turn(key []byte) []byte {
	turned := make([]byte, len(key))
	for i := range key {
		turned[i] = key[i] ^ byte(0x5a+i)
	}
	return turned
}

func (v vault) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: "test-" + v.name, Args: []string{"1"}, Body: v.turn(fileKey)}}, nil
}

func (v vault) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	switch v.name {
	case "broken":
		return nil, age.ErrIncorrectIdentity
	case "noisy":
		return nil, errors.New("no: c4n4ry")
	case "pin":
		if pin, err := v.plugin.RequestValue("PIN", true); err != nil || pin != "1234" {
			return nil, errors.New("wrong PIN")
		}
	case "touch":
		if err := v.plugin.DisplayMessage("touch the key"); err != nil {
			return nil, errors.New("nobody was told")
		}
	}
	for _, s := range stanzas {
		if s.Type == "test-"+v.name {
			return v.turn(s.Body), nil
		}
	}
	return nil, age.ErrIncorrectIdentity
}
