package main

import (
	"context"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// tokenFileVariable is the variable that names the token file to the command.
const tokenFileVariable = "BEARER_TOKEN_FILE"

// execFlags are the flags of exec.
type execFlags struct {
	requestFlags
	variable string   // --env: the variable that holds the token; "" for none
	keep     []string // variables with secrets that the command gets all the same

	door, azure, tls bool
	token            string // local, or real
}

// execCommand runs a command with a token in a file, which is renewed while the command
// runs, or with a door of its own.
func (s *session) execCommand() *cobra.Command {
	var f execFlags
	c := &cobra.Command{
		Use:     "exec NAME [--door] -- COMMAND [ARGUMENTS]",
		Example: "  credhelper exec jama -- ./sync.sh\n  credhelper exec jama --door -- ./connector",
		Short:   "run a command with the token in the file BEARER_TOKEN_FILE, or with a door of its own",
		Long: "Runs a command with BEARER_TOKEN_FILE set to a private file that holds the\n" +
			"token, is replaced before the token ends, and is removed with the command.\n" +
			"Read it for every request. --env VAR puts the token itself into a variable,\n" +
			"where it is not renewed and other programs of yours can see it.\n\n" +
			"With --door there is no file, but a local address for this command alone: it\n" +
			"gets OAUTH_TOKEN_URL, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and API_BASE_URL,\n" +
			"with --azure the variables of a managed identity, and with --tls those that\n" +
			"tell its programs to trust the address. More: credhelper help door.",
		GroupID: groupUse,
		Args:    nameBeforeDash,
		RunE: func(c *cobra.Command, args []string) error {
			name, command := splitAtDash(c, args)
			if name == "" {
				name = f.profile
			}
			if name == "" || len(command) == 0 {
				return usage(c)
			}
			request, err := f.request(name)
			if err == nil {
				err = s.checkExec(f)
			}
			if err != nil {
				return err
			}
			return s.exec(c.Context(), request, command, f)
		},
	}
	f.register(c)
	c.Flags().StringVar(&f.variable, "env", "", "put the token into the variable `VAR`, too; it is not renewed there")
	c.Flags().StringArrayVar(&f.keep, "keep-env", nil, "leave the variable `NAME` to the command, although a profile reads a secret there (repeatable)")
	c.Flags().BoolVar(&f.door, "door", false, "serve the command a token endpoint and the API at a local address")
	c.Flags().BoolVar(&f.azure, "azure", false, "with --door: also as a managed identity of Azure, which gets the server's token")
	c.Flags().StringVar(&f.token, "token", "", "with --door: local, or real: the command gets the server's `TOKEN` (local)")
	c.Flags().BoolVar(&f.tls, "tls", false, "with --door: serve HTTPS, by a certificate that the command's programs are told to trust")
	return c
}

// checkExec fails if the flags of exec do not go together.
func (s *session) checkExec(f execFlags) error {
	switch {
	case f.variable != "" && !validVariable(f.variable):
		return protocol.Malformed("--env: not the name of a variable")
	case slices.ContainsFunc(f.keep, func(name string) bool { return !validVariable(name) }):
		return protocol.Malformed("--keep-env: not the name of a variable")
	case (f.azure || f.tls || f.token != "") && !f.door:
		return protocol.Malformed("--azure, --tls and --token belong to exec --door")
	case !slices.Contains([]string{"", "local", "real"}, f.token):
		return protocol.Malformed("--token is local or real")
	case f.door && f.variable != "":
		return protocol.Malformed("--env does not go with --door: the command requests its tokens there")
	case f.door && s.flags.noStore:
		return protocol.Malformed("--no-store does not go with --door, which renews tokens by the stored secret")
	case f.azure && f.narrow != (protocol.Narrowing{}):
		return protocol.Malformed("--scope and --audience do not go with --azure, where each request names what the token is for")
	}
	return nil
}

func (s *session) exec(ctx context.Context, r protocol.Request, command []string, f execFlags) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	program, err := s.findTyped(command[0])
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
	if f.door {
		call := inner.ExecCall{Profile: r.Profile, Narrowing: r.Narrowing, Token: f.token, Azure: f.azure, TLS: f.tls, Without: s.secretVariables(h, f.keep...)}
		return s.becomeDoor("exec", call, append([]string{"--", program}, command...)...)
	}
	return s.execWithFile(ctx, h, r, credential, append([]string{program}, command...), f)
}

// execWithFile runs a command, whose path comes first, with the token in a file.
func (s *session) execWithFile(ctx context.Context, h *helper.Helper, r protocol.Request, credential protocol.Credential, command []string, f execFlags) error {
	dirs, err := s.dirs()
	if err != nil {
		return err
	}
	defer h.Wait()                 // the command may end while its token is renewed, and with it a sign-in (A18)
	signals := inner.HoldSignals() // from here on the token file has to be removed
	defer signals.Stop()
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
	cmd := exec.Command(command[0])
	cmd.Args = command[1:]
	if err := inner.ForBatch(cmd); err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.stdin, s.stdout, s.stderr
	cmd.Env = inner.WithVariable(s.childEnvironment(h, f.keep...), tokenFileVariable, file.Path)
	if f.variable != "" {
		s.say("credhelper: --env " + f.variable + ": the token is not renewed there, and your other programs can see it; " + tokenFileVariable + " is better")
		cmd.Env = inner.WithVariable(cmd.Env, f.variable, credential.Secret.Reveal())
	}
	renewal := s.newRenewal(h, r, tokenFileVariable)
	renewal.Put = put
	renewal.Hold(credential)
	return s.runRenewed(ctx, cmd, signals, renewal)
}

// runRenewed runs the command, and renews the token until the command ends.
func (s *session) runRenewed(ctx context.Context, cmd *exec.Cmd, signals *inner.HeldSignals, renewal *tokenfile.Renewal) error {
	if err := s.limits.ForChild(cmd.Start); err != nil {
		return inner.CannotRun(cmd.Path, err)
	}
	signals.PassTo(cmd.Process)
	ctx, cancel := context.WithCancel(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		_ = renewal.Run(ctx, nil) // it already has its first token
	}()
	err := cmd.Wait()
	cancel()
	<-renewed // otherwise it could write the file after its removal
	code, err := inner.ChildExit(err)
	if err != nil {
		return protocol.Policy(cmd.Path + ": " + err.Error())
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
