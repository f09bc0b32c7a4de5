package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

const about = "credhelper keeps OAuth client secrets in an encrypted keyring, fetches a token\n" +
	"once, keeps it sealed until it ends, and gives it only to the origin it belongs to.\n\n" +
	"Exit codes: 0 answered, 2 wrong call, 3 no profile, 4 no secret, 5 keyring locked, 6 sign in,\n" +
	"7 refused, 8 network, 9 not allowed or misconfigured, 10 busy (credhelper help exit-codes)."

// commands returns the root command with all others, in the order of the help.
func (s *session) commands() *cobra.Command {
	version := false
	root := &cobra.Command{
		Use:   "credhelper",
		Short: "get OAuth 2.0 bearer tokens, for people and for tools",
		Long:  about,
		Example: "  credhelper add jama --preset jama --url https://example.jamacloud.com --client-id ID\n" +
			"  credhelper curl jama -- /rest/v1/projects",
		Args:                       s.noVerb,
		SilenceErrors:              true,
		SilenceUsage:               true,
		DisableSuggestions:         false,
		SuggestionsMinimumDistance: 2,
		PersistentPreRunE:          s.prepare,
		RunE: func(c *cobra.Command, _ []string) error {
			if version {
				return s.version()
			}
			return c.Help()
		},
	}
	root.SetOut(answerWriter{s})
	root.SetErr(io.Discard) // errors are reported in one place
	root.SetFlagErrorFunc(flagError)
	s.commonFlags(root.PersistentFlags())
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.AddGroup(
		&cobra.Group{ID: groupUse, Title: "Use tokens:"},
		&cobra.Group{ID: groupManage, Title: "Manage profiles:"},
		&cobra.Group{ID: groupKeep, Title: "Keyring, cache and diagnosis:"},
		&cobra.Group{ID: groupTools, Title: "Answers in a tool's own words (usually called by the tool):"},
	)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(s.helpCommand())
	root.AddCommand(
		s.curlCommand(), s.execCommand(), s.sinkCommand(), s.serveCommand(), s.proxyCommand(), s.pluginCommand(), s.testCommand(), s.inspectCommand(),
		s.addCommand(), s.presetsCommand(), s.listCommand(), s.showCommand(), s.editCommand(), s.removeCommand(), s.rotateCommand(), s.lendCommand(), s.loginCommand(), s.logoutCommand(),
		s.rebindCommand(), s.exportCommand(), s.importCommand(), s.setupCommand(),
		s.statusCommand(), s.explainCommand(), s.doctorCommand(), s.logCommand(),
		s.unlockCommand(), s.lockCommand(), s.cacheCommand(), s.keyringCommand(), s.poolCommand(),
		s.versionCommand(), s.completionCommand(), s.manCommand(), s.uninstallCommand(),
	)
	root.AddCommand(s.dialectCommands()...)
	return root
}

// flagError is the error for a flag that a command does not have, or does not have so.
func flagError(c *cobra.Command, err error) error {
	place := c.Name() + ": "
	if !c.HasParent() {
		place = "" // the error already begins with the name
	}
	text := err.Error()
	if wrong := (*pflag.InvalidValueError)(nil); errors.As(err, &wrong) { // the value may be a misplaced secret
		text = "--" + wrong.GetFlag().Name + " takes no such value"
	}
	hint := ""
	if flag := (*pflag.NotExistError)(nil); errors.As(err, &flag) {
		hint = cmp.Or(protocol.AdviceForFlag(flag.GetSpecifiedName()), nearestFlag(c, flag.GetSpecifiedName()))
		if hint == "" && strings.Contains(c.Use, " -- ") {
			hint = "options of another program come after --: credhelper " + c.Use
		}
	}
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: place + text, Hint: cmp.Or(hint, "see "+c.CommandPath()+" --help")}
}

// nearestFlag is advice about a flag that does not exist; "" if none of the command's is near.
func nearestFlag(c *cobra.Command, name string) string {
	if len(name) == 1 { // a shorthand is near to any other
		return ""
	}
	var known []string
	for _, flags := range [...]*pflag.FlagSet{c.Flags(), c.InheritedFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, "--"+f.Name)
			}
		})
	}
	return didYouMean("--"+name, known)
}

// noVerb refuses an unknown command, and names the nearest one, or what a profile's name
// was probably meant for.
func (s *session) noVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see credhelper --help"
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean credhelper " + near[0] + "?"
	}
	if h, err := s.open(); err == nil {
		if _, err := h.Profile(args[0]); err == nil {
			hint = "that is a profile: credhelper token " + args[0] + ", or credhelper curl " + args[0] + " -- /PATH"
		}
	}
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: "no command " + printable.Value(args[0]), Hint: hint}
}

func (s *session) commonFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&s.flags.noInput, "no-input", false, "never prompt (as with CI in the environment)")
	flags.BoolVar(&s.flags.json, "json", false, "answer in JSON, if the command can")
	flags.BoolVarP(&s.flags.verbose, "verbose", "v", false, "print more: exact times, what is done")
	flags.BoolVar(&s.flags.noStore, "no-store", false, "write nothing; the secret comes from --secret-stdin or --secret-file")
	flags.StringVar(&s.flags.timeout, "timeout", "", "give up after this many seconds (8)")
	flags.BoolVar(&s.secret.stdin, "secret-stdin", false, "read the secret from stdin")
	flags.StringVar(&s.secret.file, "secret-file", "", "read the secret from `FILE`")
	flags.StringVar(&s.secret.key, "key-file", "", "read the private key from `FILE`")
	_ = flags.MarkHidden("no-store") // shown only for commands that use it
	_ = flags.MarkHidden("secret-stdin")
	_ = flags.MarkHidden("secret-file")
	_ = flags.MarkHidden("key-file")
}

// stores reports whether a command's work is to write what --no-store promises not to (T22).
func stores(verb string, c *cobra.Command) bool {
	if verb == "proxy ca" {
		return true
	}
	for c.HasParent() && c.GroupID == "" {
		c = c.Parent()
	}
	return c.GroupID == groupManage || slices.Contains([]string{"unlock", "lock", "cache", "keyring", "pool", "uninstall"}, c.Name())
}

// prepare starts the watchdog, unless the command waits for a person.
func (s *session) prepare(c *cobra.Command, _ []string) error {
	s.verb = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	if s.flags.noStore && stores(s.verb, c) {
		return protocol.Malformed(s.verb + " does not go with --no-store, which writes nothing")
	}
	for v := c; v != nil; v = v.Parent() {
		if flag, isPatient := v.Annotations["patient"]; isPatient && (flag == "" || c.Flags().Changed(flag)) {
			s.patient = true
		}
	}
	limit := answerTime
	if s.flags.timeout != "" {
		d, err := seconds(s.flags.timeout)
		if err != nil || d == 0 {
			return protocol.Malformed("--timeout wants whole seconds, or a number with s, m or h")
		}
		limit = d
	} else if s.patient {
		return nil
	}
	ctx, cancel := s.watch(limit, s.fail)
	context.AfterFunc(c.Context(), cancel)
	c.SetContext(ctx)
	return nil
}

// answerWriter is the stdout of cobra's help.
type answerWriter struct{ s *session }

// Write implements io.Writer.
func (w answerWriter) Write(p []byte) (int, error) { return len(p), w.s.print(string(p)) }
