package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// The groups of commands in the help.
const (
	groupUse    = "use"
	groupManage = "manage"
	groupKeep   = "keep"
	groupTools  = "tools"
)

// patient marks the commands that wait for a person, or for a command of the user; all
// others end after 8 s. A value names a flag: without this flag the command asks no
// one, and ends after 8 s too.
var patient = map[string]string{"patient": ""}

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
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		place := c.Name() + ": "
		if !c.HasParent() {
			place = "" // the error already begins with the name
		}
		text := err.Error()
		if wrong := (*pflag.InvalidValueError)(nil); errors.As(err, &wrong) { // the value may be a misplaced secret
			text = "--" + wrong.GetFlag().Name + " takes no such value"
		}
		hint := ""
		if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) {
			hint = protocol.AdviceForFlag(unknown.GetSpecifiedName())
		}
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: place + text, Hint: cmp.Or(hint, "see "+c.CommandPath()+" --help")}
	})
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
		s.unlockCommand(), s.lockCommand(), s.cacheCommand(), s.keyringCommand(),
		s.versionCommand(), s.completionCommand(), s.manCommand(), s.uninstallCommand(),
	)
	root.AddCommand(s.dialectCommands()...)
	return root
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

// prepare starts the watchdog, unless the command waits for a person.
func (s *session) prepare(c *cobra.Command, _ []string) error {
	s.verb = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	for v := c; v != nil; v = v.Parent() {
		if flag, isPatient := v.Annotations["patient"]; isPatient && (flag == "" || c.Flags().Changed(flag)) {
			s.patient = true
		}
	}
	limit := answerTime
	if s.flags.timeout != "" {
		d, err := seconds(s.flags.timeout)
		if err != nil || d == 0 {
			return malformed("--timeout wants whole seconds, or a number with s, m or h")
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

// seconds parses "90", "90s", "5m" or "1h".
func seconds(text string) (time.Duration, error) {
	if strings.Trim(text, "0123456789") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d < 0 || d > 7*24*time.Hour || d%time.Second != 0) {
		err = malformed("out of range")
	}
	return d, err
}

// answerWriter is the stdout of cobra's help.
type answerWriter struct{ s *session }

// Write implements io.Writer.
func (w answerWriter) Write(p []byte) (int, error) { return len(p), w.s.print(string(p)) }

// requestFlags are the flags of the commands that fetch a token.
type requestFlags struct {
	profile string
	minTTL  string
	refresh bool
	narrow  protocol.Narrowing
}

func (r *requestFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&r.profile, "profile", "", "the profile's `NAME`")
	c.Flags().StringVar(&r.minTTL, "min-ttl", "", "the token must live this many seconds more")
	c.Flags().Var(narrowing(r.narrow.AddScope), "scope", "only this `SCOPE` of the profile's scopes (repeatable)")
	c.Flags().Var(narrowing(r.narrow.SetAudience), "audience", "for this `AUDIENCE`, which the profile lists in audiences")
	c.Flags().BoolVar(&r.refresh, "refresh", false, "fetch a new token even if there is a good one")
	if c.Annotations == nil {
		c.Annotations = patient
	}
}

// narrowing is a flag that narrows the request.
type narrowing func(text string) error

// Set implements pflag.Value.
func (n narrowing) Set(text string) error { return n(text) }

func (n narrowing) String() string { return "" }

// Type implements pflag.Value.
func (n narrowing) Type() string { return "string" }

// request makes a request from the flags, for a profile or for any ("").
func (r *requestFlags) request(name string) (protocol.Request, error) {
	request := protocol.Request{Verb: protocol.Get, Profile: name, Refresh: r.refresh, Narrowing: r.narrow}
	if r.profile != "" && name != "" && r.profile != name {
		return request, malformed("two profiles named: " + printable.Value(r.profile) + " and " + printable.Value(name))
	}
	if name != "" && !protocol.ValidProfile(name) {
		return request, malformed("not a profile's name: " + printable.Value(name))
	}
	if r.minTTL != "" {
		d, err := seconds(r.minTTL)
		if err != nil {
			return request, malformed("--min-ttl wants whole seconds, or a number with s, m or h")
		}
		request.MinTTL = int64(d / time.Second)
	}
	return request, nil
}

// usage returns the error for wrong arguments: the command's usage line, from Use.
func usage(c *cobra.Command) error {
	path := c.CommandPath()
	line := strings.TrimSuffix(path, c.Name()) + c.Use
	return &protocol.Error{Kind: protocol.ErrMalformed, Text: "usage: " + line, Hint: "see " + path + " --help"}
}

// between accepts from least to most arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage(c)
		}
		return nil
	}
}

// nameBeforeDash requires "--", with at most one argument before it.
func nameBeforeDash(c *cobra.Command, _ []string) error {
	if at := c.ArgsLenAtDash(); at < 0 || at > 1 {
		return usage(c)
	}
	return nil
}

// splitAtDash separates the profile's name, "" if there is none, from the arguments
// after "--".
func splitAtDash(c *cobra.Command, args []string) (name string, rest []string) {
	at := c.ArgsLenAtDash()
	if at > 0 {
		name = args[0]
	}
	return name, args[at:]
}
