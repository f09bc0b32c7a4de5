package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

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
		return request, protocol.Malformed("two profiles named: " + printable.Value(r.profile) + " and " + printable.Value(name))
	}
	if name != "" && !protocol.ValidProfile(name) {
		return request, protocol.Malformed("not a profile's name: " + printable.Value(name))
	}
	if r.minTTL != "" {
		d, err := seconds(r.minTTL)
		if err != nil {
			return request, protocol.Malformed("--min-ttl wants whole seconds, or a number with s, m or h")
		}
		request.MinTTL = int64(d / time.Second)
	}
	return request, nil
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
