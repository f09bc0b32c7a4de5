package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/pools"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

func (s *session) poolStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status [NAME]",
		Example: "  credhelper pool status ci",
		Short:   "ask the store of each pool, or of one, how it is",
		Args:    between(0, 1),
		RunE:    func(c *cobra.Command, args []string) error { return s.poolStatus(c.Context(), args) },
	}
}

// poolRecord is a pool in pool status --json.
type poolRecord struct {
	Pool    string `json:"pool"`
	Store   string `json:"store"`
	Role    string `json:"role"`
	Lost    string `json:"lost"`
	Check   string `json:"check,omitempty"`
	Clock   int64  `json:"clock_ms"` // the store's less ours
	Took    int64  `json:"took_ms"`
	Evicts  string `json:"evicts,omitempty"`
	Warning string `json:"warning,omitempty"`
	Since   string `json:"lost_since,omitempty"`
	Exit    int    `json:"exit"`
	Error   string `json:"error,omitempty"`
}

func (s *session) poolStatus(ctx context.Context, args []string) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	pools := settings.Pools()
	if len(args) > 0 || len(pools) == 0 {
		c, err := poolNamed(h, strings.Join(args, ""))
		if err != nil {
			return err
		}
		pools = []config.Pool{c}
	}
	records, text := []poolRecord{}, ""
	var failed error
	for _, c := range pools {
		r, err := askPool(ctx, h, c)
		if records, failed = append(records, r), errors.Join(failed, err); err != nil {
			continue // it is said once, at the end
		}
		text += r.words() + "\n"
		if r.Warning != "" && !s.flags.json {
			s.say("Note: pool " + r.Pool + ": " + r.Warning)
		}
	}
	if s.flags.json {
		return errors.Join(s.printJSON(records), failed)
	}
	return errors.Join(s.print(text), failed)
}

// words describe a pool whose store answers.
func (r poolRecord) words() string {
	what := r.Pool + ": " + r.Store + " answered in " + strconv.FormatInt(r.Took, 10) + " ms; this host is a " + r.Role + ", if lost: " + r.Lost + ", key " + r.Check
	if r.Clock != 0 {
		what += "; its clock less ours is " + strconv.FormatInt(r.Clock, 10) + " ms, which does not matter"
	}
	return what
}

// placeOf names the store of a pool.
func placeOf(c config.Pool) string {
	if c.Kind == config.StoreKubernetes {
		return "the Secret " + c.Path
	}
	return c.Address.Host
}

// askPool asks the store of a pool.
func askPool(ctx context.Context, h *helper.Helper, c config.Pool) (poolRecord, error) {
	r := poolRecord{Pool: c.Name, Store: printable.Value(placeOf(c)), Role: "keeper", Lost: "fail"}
	if c.Reader {
		r.Role = "reader"
	}
	if c.Alone {
		r.Lost = "alone"
	}
	if loss, lost := h.Pools.Loss(c.Name); lost {
		r.Since = time.Unix(loss.Since, 0).UTC().Format(time.RFC3339)
	}
	state, err := h.Pools.State(ctx, c)
	r.Check, r.Took, r.Clock, r.Evicts, r.Warning = state.Check, state.Took.Milliseconds(), state.Clock.Milliseconds(), state.Evicts, state.Warning
	if evicts := strings.HasPrefix(r.Evicts, "allkeys") || strings.HasPrefix(r.Evicts, "volatile"); evicts && r.Warning == "" {
		r.Warning = "the store drops tokens when its memory is full (maxmemory-policy " + r.Evicts + "): each costs a request; noeviction is better"
	}
	if err != nil {
		r.Exit, r.Error, r.Clock = protocol.ExitCode(err), printable.Line(err.Error()), 0
	}
	return r, err
}

func (s *session) poolRenewCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "renew PROFILE",
		Example: "  credhelper pool renew jama",
		Short:   "fetch a new token for all hosts, whatever the store has",
		Long: "Fetches a new token and puts it into the pool. The other hosts take it when their own\n" +
			"nears its end, or is refused. After a rotation, or when somebody may have seen a token.",
		Args:              between(1, 1),
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.poolRenew(c.Context(), args[0]) },
	}
}

func (s *session) poolRenew(ctx context.Context, name string) error {
	h, p, err := s.openPooled(name)
	if err != nil {
		return err
	}
	switch {
	case p.Pool.Name == "":
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: "profile " + p.Name + " has no pool", Hint: "a new token for this host only: credhelper test " + p.Name}
	case p.Pool.Reader:
		return &protocol.Error{Kind: protocol.ErrPolicy, Text: "this host is a reader of pool " + p.Pool.Name + ", and asks no server", Hint: "type this on a keeper"}
	}
	c, err := h.RenewPool(ctx, name)
	if err != nil {
		return err
	}
	s.say("Profile " + p.Name + ": the pool " + p.Pool.Name + " has a new token, for " + failure.Span(time.Unix(c.Expires, 0).Sub(s.now())) + ".")
	return nil
}

func (s *session) poolLogCommand() *cobra.Command {
	last := 20
	c := &cobra.Command{
		Use:     "log [NAME] [-n N]",
		Example: "  credhelper pool log ci -n 50",
		Short:   "show which host fetched which token of a pool, the latest last",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.poolLog(c.Context(), strings.Join(args, ""), last)
		},
	}
	c.Flags().IntVarP(&last, "last", "n", last, "only the last `N` lines; there are at most 1000")
	return c
}

func (s *session) poolLog(ctx context.Context, name string, last int) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	c, err := poolNamed(h, name)
	if err != nil {
		return err
	}
	notes, err := h.Pools.Log(ctx, c, max(1, min(last, 1000)))
	if err != nil {
		return err
	}
	type line struct {
		Time   string `json:"time"`
		By     string `json:"by"`
		Number int64  `json:"number"`
		Text   string `json:"text"`
	}
	lines := []line{}
	var b strings.Builder
	for i := len(notes) - 1; i >= 0; i-- {
		n := notes[i]
		l := line{n.Time.Format(time.RFC3339), printable.Value(n.Host), n.Number, printable.Line(n.Text)}
		lines = append(lines, l)
		b.WriteString(l.Time + "  " + l.By + "  " + strconv.FormatInt(l.Number, 10) + "  " + l.Text + "\n")
	}
	if s.flags.json {
		return s.printJSON(lines)
	}
	if len(notes) == 0 {
		s.say("Note: no host has written a line to the log of pool " + c.Name + " yet.")
	}
	return s.print(b.String())
}

// pools asks the store of each pool that the profiles have.
func (x *examination) pools(all []*config.Profile) {
	asked, works := map[string]bool{"": true}, map[string]bool{}
	for _, p := range all {
		c := p.Pool
		if works[c.Name] {
			x.pooled(p)
		}
		if asked[c.Name] {
			continue
		}
		asked[c.Name] = true
		if !x.online {
			x.add("pool", note, "the store of pool "+c.Name+" was not asked", "credhelper doctor --online, or doctor "+p.Name)
			continue
		}
		r, err := askPool(x.ctx, x.helper, c)
		if err != nil {
			x.fail("pool", err)
			continue
		}
		x.add("pool", good, r.words(), "")
		if r.Warning != "" {
			x.add("pool", warn, r.Pool+": "+r.Warning, "")
		}
		works[c.Name] = true
		x.pooled(p)
	}
}

// pooled reports what a pool that works has for a profile.
func (x *examination) pooled(p *config.Profile) {
	by, err := x.helper.Pools.Has(x.ctx, p)
	e := new(pools.Hold)
	switch {
	case errors.As(err, &e):
		x.add("pool", bad, p.Name+": "+e.Error(), onKeeper(p)+cmp.Or(e.Mark.Hint, "credhelper test "+p.Name))
	case err != nil:
		x.fail("pool", err)
	case by != "":
		x.add("pool", good, p.Name+": the pool has its token, fetched by "+by, "")
	}
}
