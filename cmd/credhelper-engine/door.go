package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/protocol"
)

// proxyCommand serves the door (docs/door.md), in the third executable.
func (s *session) proxyCommand() *cobra.Command {
	call := inner.ProxyCall{}
	c := &cobra.Command{
		Use:   "proxy [--listen HOST:PORT] [--name NAME[:PORT]] [--tls]",
		Short: "serve programs that have only a URL and two text fields, at a local address",
		Long: "For programs that can call no helper: at one local address they find the token\n" +
			"endpoint of their authorization server, the API itself with the token added, and\n" +
			"Azure's managed identity. Each is a guest, with an id and a secret of its own\n" +
			"that credhelper lend makes. More: credhelper help door.",
		Example:     "  credhelper lend jama --to jci\n  credhelper proxy",
		GroupID:     groupUse,
		Annotations: patient, // each answer has its own 8 s
		Args:        between(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if s.flags.noStore || s.flags.timeout != "" {
				return protocol.Malformed("proxy takes neither --no-store nor --timeout")
			}
			return s.becomeDoor("proxy", call)
		},
	}
	c.Flags().StringVar(&call.Listen, "listen", inner.DefaultListen, "listen at `HOST:PORT`")
	c.Flags().StringArrayVar(&call.Names, "name", nil, "be reached by this `NAME`, too, as the Host field has it (repeatable)")
	c.Flags().BoolVar(&call.TLS, "tls", false, "serve HTTPS, with a certificate of this home's CA")
	c.AddCommand(s.caCommand())
	return c
}

// caCommand prints the door's CA, and makes it.
func (s *session) caCommand() *cobra.Command {
	call := inner.CACall{}
	c := &cobra.Command{
		Use:   "ca [--new] [--name NAME]",
		Short: "print the CA that guests of credhelper proxy --tls have to trust",
		Long: "Prints a certificate, and how programs are told to trust it. It can vouch for\n" +
			"loopback and for the names that it was made for, and for nothing else. The first\n" +
			"use makes it; --new makes another one, which all guests have to be given.",
		Example: "  credhelper proxy ca > door-ca.pem",
		Args:    between(0, 0),
		RunE:    func(*cobra.Command, []string) error { return s.becomeDoor("ca", call) },
	}
	c.Flags().BoolVar(&call.New, "new", false, "make another CA")
	c.Flags().StringArrayVar(&call.Names, "name", nil, "a new one is for this `NAME`, too (repeatable)")
	return c
}

// lendCommand makes, changes and lists the guests of the door, in the third executable.
func (s *session) lendCommand() *cobra.Command {
	call := inner.LendCall{}
	c := &cobra.Command{
		Use:   "lend [NAME --to GUEST | --rotate GUEST | --revoke GUEST | --accept GUEST]",
		Short: "lend a profile to a program that uses credhelper proxy; list and revoke such guests",
		Long: "Makes a client id and a client secret that work only at credhelper proxy, and\n" +
			"prints the secret once. Without arguments it lists the guests. More: credhelper help door.",
		Example:           "  credhelper lend jama --to jci --expires 90d\n  credhelper lend --revoke jci",
		GroupID:           groupManage,
		Args:              between(0, 1),
		ValidArgsFunction: s.completeProfiles,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				call.Profile = args[0]
			}
			if err := noEmptyFlags(c); err != nil {
				return err
			}
			call.JSON, call.SecretFile, call.Terminal = s.flags.json, s.secret.file, isTerminal(s.stdout)
			return s.becomeDoor("lend", call)
		},
	}
	f := c.Flags()
	f.StringVar(&call.To, "to", "", "make the guest `GUEST`")
	f.StringVar(&call.Rotate, "rotate", "", "give `GUEST` a new secret")
	f.StringVar(&call.Overlap, "overlap", "", "with --rotate: the old secret works for this `TIME`, too (0)")
	f.StringVar(&call.Revoke, "revoke", "", "take back what was lent to `GUEST`")
	f.StringVar(&call.Accept, "accept", "", "accept the file of `GUEST` as it is now")
	f.StringVar(&call.Expires, "expires", "", "end after this `TIME`: 90d, 12h, or a date, YYYY-MM-DD")
	f.StringVar(&call.Token, "token", "", "local, or real: the guest gets the server's token (local)")
	f.StringSliceVar(&call.Methods, "method", nil, "only this `METHOD` of the API (repeatable)")
	f.StringSliceVar(&call.Paths, "path", nil, "only API paths below this `PATH` (repeatable)")
	f.StringSliceVar(&call.From, "from", nil, "only from this `NETWORK`, such as 172.30.0.2/32 (repeatable)")
	f.StringSliceVar(&call.Users, "user", nil, "also from processes of this `USER` of the machine (repeatable)")
	f.StringSliceVar(&call.Azure, "azure", nil, "give the profile `NAME` as a managed identity of Azure (repeatable)")
	f.BoolVar(&call.Cookies, "cookies", false, "pass the API's cookies on")
	f.BoolVar(&call.InPath, "in-path", false, "its secret may be in the path, for a program that can send no credentials")
	return c
}

// noEmptyFlags fails if a flag was given an empty value, as --expires "$UNSET" is: without
// that flag the guest could do more.
func noEmptyFlags(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if text := f.Value.String(); text == "" || text == "[]" {
			err = protocol.Malformed("--" + f.Name + " is empty")
		}
	})
	return err
}

// becomeDoor executes the third executable for a call, with further arguments behind it. It
// returns only if that fails, or on systems that cannot replace a process.
func (s *session) becomeDoor(verb string, call any, more ...string) error {
	h := handover.Handover{Limits: s.limits, Start: s.start}
	code, err := handover.To(handover.Plugin, h, s.environ, "credhelper", append([]string{verb, inner.Argument(call)}, more...), nil)
	if err != nil {
		return err
	}
	return exitCode(code)
}
