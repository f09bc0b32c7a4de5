package keyring

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/credhelper/credhelper/protocol/secret"
)

// Plugin is a program that speaks age's plugin protocol (C2SP age-plugin.md) with one
// of its identities: it seals and opens the key of a File with something that this
// program does not know, such as a TPM or a security key. It is run as the commands
// of a Source are, with the same variables and the same checks of its file.
type Plugin struct {
	// Program is absolute; its name is age-plugin-NAME.
	Program string
	// Identity is AGE-PLUGIN-NAME-1....
	Identity string
}

// Person answers what a plugin asks a person. Nil means that nobody is there: each
// request fails, and messages are dropped.
type Person struct {
	// Tell shows a message of the plugin, such as "touch your key".
	Tell func(message string)
	// Ask asks for a PIN or the like.
	Ask func(prompt string) (secret.Text, error)
}

// personLimit is the time limit of a plugin with a person's help. Without it is
// commandLimit.
const personLimit = time.Minute

// pluginGrace is how long a plugin may take to end after its last stanza.
const pluginGrace = 500 * time.Millisecond

// maxConversation is the maximum length of a plugin's output in bytes.
const maxConversation = 256 << 10

// conversation is one run of a plugin; it is an age.Identity and an age.Recipient.
type conversation struct {
	ctx     context.Context
	plugin  Plugin
	environ []string
	person  *Person
}

// Wrap seals a file key for the plugin's identity.
func (c conversation) Wrap(fileKey []byte) (sealed []*age.Stanza, err error) {
	opening := []*age.Stanza{{Type: "add-identity", Args: []string{c.plugin.Identity}}, {Type: "wrap-file-key", Body: fileKey}, {Type: "done"}}
	err = c.run("recipient-v1", opening, func(s *age.Stanza) bool {
		if s.Type != "recipient-stanza" || len(s.Args) < 2 || s.Args[0] != "0" {
			return false
		}
		sealed = append(sealed, &age.Stanza{Type: s.Args[1], Args: s.Args[2:], Body: s.Body})
		return true
	})
	if err == nil && len(sealed) == 0 {
		err = c.failed("sealed nothing")
	}
	return sealed, err
}

// Unwrap opens a file key.
func (c conversation) Unwrap(stanzas []*age.Stanza) (fileKey []byte, err error) {
	opening := []*age.Stanza{{Type: "add-identity", Args: []string{c.plugin.Identity}}}
	for _, s := range stanzas {
		opening = append(opening, &age.Stanza{Type: "recipient-stanza", Args: append([]string{"0", s.Type}, s.Args...), Body: s.Body})
	}
	opening = append(opening, &age.Stanza{Type: "done"})
	err = c.run("identity-v1", opening, func(s *age.Stanza) bool {
		if s.Type != "file-key" || len(s.Args) != 1 || s.Args[0] != "0" || fileKey != nil {
			return false
		}
		fileKey = s.Body
		return true
	})
	if err == nil && fileKey == nil {
		err = c.failed("did not open the key")
	}
	return fileKey, err
}

// failed returns the error for what the plugin did. It does not quote the plugin, whose
// messages may contain anything and are only for the person.
func (c conversation) failed(what string) error {
	hint := ""
	if c.person == nil {
		hint = " (if it needs a person: credhelper unlock)"
	}
	return problem(ErrLocked, "%s %s%s", c.plugin.Program, what, hint)
}

// run starts a state machine of the plugin, sends the opening, and passes each stanza
// that it receives to hear, which reports whether it knows it, until the plugin is done.
func (c conversation) run(machine string, opening []*age.Stanza, hear func(*age.Stanza) bool) error {
	if err := CheckProgram(c.plugin.Program); err != nil {
		return err
	}
	limit := commandLimit
	if c.person != nil {
		limit = personLimit
	}
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.plugin.Program, "--age-plugin="+machine)
	cmd.Env, cmd.Dir, cmd.WaitDelay = childEnviron(c.environ, nil), string(filepath.Separator), 250*time.Millisecond
	ownGroup(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return unavailable(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return unavailable(err)
	}
	if err := cmd.Start(); err != nil {
		return unavailable(err)
	}
	// A process that the plugin left behind may hold the pipes open, out of reach of a
	// signal to the plugin's group.
	hangUp := context.AfterFunc(ctx, func() { in.Close(); out.Close() })
	defer hangUp()
	err = c.talk(in, bufio.NewReader(io.LimitReader(out, maxConversation)), opening, hear)
	in.Close()
	late := time.AfterFunc(pluginGrace, func() { _ = killGroup(cmd) })
	_ = cmd.Wait() // it has said all that is wanted of it, and may clean up
	late.Stop()
	if err != nil && ctx.Err() != nil {
		return c.failed(fmt.Sprintf("did not answer within %v", limit))
	}
	return err
}

// talk exchanges the stanzas: first all of the opening, then one answer to each of the
// plugin's.
func (c conversation) talk(in io.Writer, out *bufio.Reader, opening []*age.Stanza, hear func(*age.Stanza) bool) error {
	for _, s := range opening {
		if err := writeStanza(in, s); err != nil {
			return c.failed("does not listen")
		}
	}
	for {
		s, err := readStanza(out)
		if err != nil {
			return c.failed("does not speak age's plugin protocol")
		}
		answer := &age.Stanza{Type: "unsupported"}
		switch s.Type {
		case "done":
			return nil
		case "error":
			c.tell(s.Body)
			return c.failed("refused")
		case "msg":
			if answer.Type = "fail"; c.tell(s.Body) {
				answer.Type = "ok"
			}
		case "request-secret", "request-public", "confirm":
			answer = c.ask(s)
		default:
			if hear(s) {
				answer.Type = "ok"
			}
		}
		if err := writeStanza(in, answer); err != nil {
			return c.failed("does not listen")
		}
	}
}

// tell shows a message to the person, if there is one.
func (c conversation) tell(message []byte) bool {
	if c.person == nil || c.person.Tell == nil {
		return false
	}
	c.person.Tell(string(message))
	return true
}

// ask asks the person for a value. A choice between two words ("confirm") is refused.
func (c conversation) ask(s *age.Stanza) *age.Stanza {
	if s.Type == "confirm" || c.person == nil || c.person.Ask == nil {
		return &age.Stanza{Type: "fail"}
	}
	value, err := c.person.Ask(string(s.Body))
	if err != nil {
		return &age.Stanza{Type: "fail"}
	}
	return &age.Stanza{Type: "ok", Body: []byte(value.Reveal())}
}

// FindPlugin returns the plugin that a person named in one of three forms:
// age-plugin-NAME, which is searched in path, or its absolute path, for a plugin that
// has only one identity; or the absolute path of an identity file, as for "age -i", with
// one identity of a plugin.
func FindPlugin(file, path string) (Plugin, error) {
	base := filepath.Base(file)
	name, isPlugin := strings.CutPrefix(strings.TrimSuffix(base, exe), pluginPrefix)
	chosen := file
	if base == file {
		chosen = ""
	} else if _, err := os.Stat(file); err == nil {
		_, err = exec.LookPath(file) // an identity file may be called after its plugin
		isPlugin = isPlugin && err == nil
	}
	if isPlugin {
		program, err := FindProgram(base, chosen, path)
		if err == nil {
			err = checkPluginName(name)
		}
		return Plugin{program, bareIdentity(name)}, err
	}
	if !filepath.IsAbs(file) {
		return Plugin{}, problem(ErrInvalid, "%.100q is neither %sNAME nor the absolute path of an identity file", file, pluginPrefix)
	}
	text, err := readFile(file)
	if err != nil {
		return Plugin{}, err
	}
	identity, err := onePluginIdentity(string(text))
	if err != nil {
		return Plugin{}, err
	}
	program, err := FindProgram(pluginPrefix+pluginName(identity), "", path)
	return Plugin{program, identity}, err
}

const (
	pluginPrefix       = "age-plugin-"
	pluginIdentityMark = "AGE-PLUGIN-"
)

// onePluginIdentity reads an identity file with one identity of a plugin.
func onePluginIdentity(text string) (found string, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !strings.HasPrefix(line, pluginIdentityMark) || found != "" || checkPluginName(pluginName(line)) != nil {
			return "", problem(ErrInvalid, "it is not one identity of a plugin (%sNAME-1...)", pluginIdentityMark)
		}
		found = line
	}
	if found == "" {
		return "", problem(ErrInvalid, "it holds no identity of a plugin")
	}
	return found, nil
}

// pluginName returns the NAME in an identity, in lower case as in its program's name.
func pluginName(identity string) string {
	name := strings.TrimPrefix(identity, pluginIdentityMark)
	return strings.ToLower(name[:max(0, strings.LastIndex(name, "-1"))])
}

func checkPluginName(name string) error {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' && c != '+' {
			return errPluginName()
		}
	}
	if name == "" {
		return errPluginName()
	}
	return nil
}

func errPluginName() error {
	return problem(ErrInvalid, "a plugin's name has letters, digits and any of +-._")
}
