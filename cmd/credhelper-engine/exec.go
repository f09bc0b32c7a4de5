package main

import (
	"context"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// tokenFileVariable is the variable that names the token file to the command.
const tokenFileVariable = "BEARER_TOKEN_FILE"

// execCommand runs a command with a token in a file, which is renewed while the command
// runs.
func (s *session) execCommand() *cobra.Command {
	var r requestFlags
	var variable string
	var keep []string
	c := &cobra.Command{
		Use:     "exec NAME -- COMMAND [ARGUMENTS]",
		Example: "  credhelper exec jama -- ./sync.sh",
		Short:   "run a command with the token in the file BEARER_TOKEN_FILE, renewed while it runs",
		Long: "Runs a command with BEARER_TOKEN_FILE set to a private file that holds the\n" +
			"token, is replaced before the token ends, and is removed with the command.\n" +
			"Read it for every request. --env VAR puts the token itself into a variable,\n" +
			"where it is not renewed and other programs of yours can see it.",
		GroupID: groupUse,
		Args:    nameBeforeDash,
		RunE: func(c *cobra.Command, args []string) error {
			name, command := splitAtDash(c, args)
			if name == "" {
				name = r.profile
			}
			if name == "" || len(command) == 0 {
				return usage(c)
			}
			request, err := r.request(name)
			if err != nil {
				return err
			}
			if variable != "" && !validVariable(variable) {
				return malformed("--env: not the name of a variable")
			}
			for _, name := range keep {
				if !validVariable(name) {
					return malformed("--keep-env: not the name of a variable")
				}
			}
			return s.exec(c.Context(), request, command, execVariables{token: variable, keep: keep})
		},
	}
	r.register(c)
	c.Flags().StringVar(&variable, "env", "", "put the token into the variable `VAR`, too; it is not renewed there")
	c.Flags().StringArrayVar(&keep, "keep-env", nil, "leave the variable `NAME` to the command, although a profile reads a secret there (repeatable)")
	return c
}

// execVariables are the flags of exec that concern the command's environment.
type execVariables struct {
	token string   // the variable that holds the token; "" for none
	keep  []string // variables with secrets that the command gets all the same
}

func (s *session) exec(ctx context.Context, r protocol.Request, command []string, v execVariables) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	program, err := s.findProgram(command[0])
	if err != nil {
		return err
	}
	if _, err := h.Profile(r.Profile); err != nil { // needed for its variables, even if the token is cached
		return err
	}
	credential, err := h.Get(ctx, r)
	h.CloseKeyring() // the command may run for hours
	if err != nil {
		return err
	}
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	signals := holdSignals() // from here on the token file has to be removed
	defer signals.stop()
	file, remove, onDisk, err := tokenfile.New(dirs)
	if err != nil {
		return err
	}
	defer remove()
	if onDisk != nil {
		s.say("credhelper: warning: while the command runs its token is on a disk, unencrypted: " + printable.Line(onDisk.Error()))
	}
	put := func(c protocol.Credential) error { return file.Write([]byte(c.Secret.Reveal() + "\n")) }
	if err := put(credential); err != nil {
		return err
	}
	cmd := exec.Command(program, command[1:]...)
	cmd.Args[0] = command[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.stdin, s.stdout, s.stderr
	cmd.Env = append(withoutVariable(s.childEnvironment(h, v.keep...), tokenFileVariable), tokenFileVariable+"="+file.Path)
	if v.token != "" {
		s.say("credhelper: --env " + v.token + ": the token is not renewed there, and your other programs can see it; " + tokenFileVariable + " is better")
		cmd.Env = append(withoutVariable(cmd.Env, v.token), v.token+"="+credential.Secret.Reveal())
	}
	renewal := s.newRenewal(h, r, tokenFileVariable)
	renewal.Put = put
	renewal.Hold(credential)
	return s.runRenewed(ctx, cmd, signals, renewal)
}

// runRenewed runs the command, and renews the token until the command ends.
func (s *session) runRenewed(ctx context.Context, cmd *exec.Cmd, signals *heldSignals, renewal *tokenfile.Renewal) error {
	if err := s.limits.ForChild(cmd.Start); err != nil {
		return policy("cannot run " + cmd.Path + ": " + err.Error())
	}
	signals.passTo(cmd.Process)
	ctx, cancel := context.WithCancel(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		_ = renewal.Run(ctx, nil) // it already has its first token
	}()
	err := cmd.Wait()
	cancel()
	<-renewed // otherwise it could write the file after its removal
	code, err := childExit(err)
	if err != nil {
		return policy(cmd.Path + ": " + err.Error())
	}
	return exitCode(code)
}

// validVariable reports whether name is a variable name in every shell.
func validVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '_':
		case i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return name != ""
}

// newRenewal makes the renewal of a file, which its messages call by that name.
func (s *session) newRenewal(h *helper.Helper, r protocol.Request, file string) *tokenfile.Renewal {
	return &tokenfile.Renewal{
		File:    file,
		Request: r,
		Now:     s.now,
		Tick:    tokenfile.Tick,
		Get: func(ctx context.Context, r protocol.Request) (c protocol.Credential, warning string, err error) {
			s.warn = func(text string) { warning = text } // reported once, not with every attempt
			c, err = h.Get(ctx, r)
			h.CloseKeyring() // the next renewal may be hours away
			return c, warning, err
		},
		Say: func(text string) { s.say("credhelper: " + text) },
	}
}
