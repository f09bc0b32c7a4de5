package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// statusCommand shows the state of profiles, without contacting a server.
func (s *session) statusCommand() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use:   "status [NAME ...] [--watch]",
		Short: "show tokens, secrets and waits, without asking any server",
		Long: "Shows each profile in a row: first what needs a person, with the command that\n" +
			"helps, then what ends soon, then what is ready. No server is asked. On a narrow\n" +
			"terminal columns are left out; in a pipe there are all of them.",
		Example:           "  credhelper status --watch\n  credhelper status --json | jq -r '.[] | select(.expiry) | .profile'",
		GroupID:           groupKeep,
		Args:              cobra.ArbitraryArgs,
		Annotations:       map[string]string{"patient": "watch"},
		ValidArgsFunction: s.completeProfiles,
		RunE: func(c *cobra.Command, args []string) error {
			if watch {
				return s.watchStatus(c.Context(), args)
			}
			return s.status(c.Context(), args)
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "show it again every 5 seconds, until Ctrl-C")
	return c
}

// statusRecord is one profile in status --json. Times are RFC 3339, "" if unknown.
type statusRecord struct {
	Profile       string `json:"profile"`
	System        string `json:"system,omitempty"`
	Error         string `json:"error,omitempty"`
	Token         string `json:"token"` // cached, none, refused, waiting
	TokenExpires  string `json:"token_expires,omitempty"`
	TokenSeconds  int64  `json:"token_seconds,omitempty"`
	WaitSeconds   int64  `json:"wait_seconds,omitempty"`
	Reason        string `json:"reason,omitempty"`
	Source        string `json:"secret_source,omitempty"`
	SecretError   string `json:"secret_error,omitempty"`
	SecretCreated string `json:"secret_created,omitempty"`
	SignedIn      string `json:"signed_in,omitempty"`
	SecretAge     int64  `json:"secret_age_seconds,omitempty"`
	SecretExpires string `json:"secret_expires,omitempty"`
	Certificate   string `json:"certificate_expires,omitempty"`
	Left          int64  `json:"expires_seconds,omitempty"` // until the earlier of both; negative afterwards
	Expiry        string `json:"expiry,omitempty"`          // soon (30 days), pressing (7 days), over
	Previous      bool   `json:"previous_secret_kept,omitempty"`
	RolledBack    bool   `json:"rolled_back,omitempty"`
	Rebind        bool   `json:"rebind_needed,omitempty"`
	LastFetched   string `json:"last_fetched,omitempty"`
	Identity      string `json:"identity,omitempty"` // what the API said last, in add, test, rotate or login
	Needs         string `json:"needs,omitempty"`    // what a person has to type

	Guests []statusGuest `json:"guests,omitempty"` // of the door
}

func (s *session) status(ctx context.Context, names []string) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	if _, err := h.Settings(); err != nil {
		return err
	}
	list, err := h.Status(ctx, names...)
	if err != nil {
		return err
	}
	guests := s.lent(ctx, h)
	if len(names) == 0 {
		s.sayStrays(h)
		s.sayGuests(ctx, h, guests)
	}
	history := knownFromLog(h)
	keyring := s.keyringState(ctx, h)
	now := s.now()
	var rows []statusRow
	records := []statusRecord{}
	for _, st := range list {
		if errors.Is(st.Err, protocol.ErrUnknown) {
			return st.Err // the name was given on the command line
		}
		row := s.statusRow(st, keyring, history[st.Profile], now)
		record := recordOf(st, history[st.Profile].fetched, now)
		record.Identity, record.Needs = printable.Line(history[st.Profile].identity), row.advice
		var note string
		if note, record.Guests = s.guestsOf(guests, st.Profile); note != "" {
			row.notes = append(row.notes, note)
		}
		rows, records = append(rows, row), append(records, record)
	}
	switch {
	case s.flags.json:
		err = s.printJSON(records)
	case len(list) == 0:
		s.say("No profiles yet. Add one: credhelper add (on a terminal it asks), or credhelper add NAME --preset PRESET ...")
		err = s.sayKeyring(ctx, h)
	default:
		if err = s.print(s.statusTable(rows)); err == nil {
			err = s.sayKeyring(ctx, h)
		}
	}
	if err != nil {
		return err
	}
	return cannotBeUsed(list)
}

// cannotBeUsed is the error for profiles whose rows say what is wrong with them.
func cannotBeUsed(list []helper.Status) error {
	list = slices.DeleteFunc(slices.Clone(list), func(st helper.Status) bool { return st.Err == nil })
	switch len(list) {
	case 0:
		return nil
	case 1:
		e := protocol.About("profile", list[0].Err, "")
		e.Text = "profile " + list[0].Profile + " cannot be used"
		return e
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: fmt.Sprintf("%d profiles cannot be used", len(list)), Hint: "see more of them: credhelper doctor"}
}

// watchEvery is how often status --watch looks again.
const watchEvery = 5 * time.Second

// watchStatus shows the status again and again, on a cleared screen. A profile that
// cannot be used is a row like others, and ends nothing.
func (s *session) watchStatus(ctx context.Context, names []string) error {
	if !s.screen().terminal || s.flags.json {
		return &protocol.Error{Kind: protocol.ErrMalformed, Text: "status --watch needs a terminal to show it on", Hint: "in a script: credhelper status --json"}
	}
	for {
		if err := s.print("\x1b[H\x1b[2J"); err != nil {
			return err
		}
		s.helper, s.shape = nil, nil // what was read before is read anew
		if err := s.status(ctx, names); err != nil {
			if errors.Is(err, protocol.ErrUnknown) {
				return err
			}
			s.fail(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchEvery):
		}
	}
}

// sayKeyring prints where secrets are and what opens them, below the table.
func (s *session) sayKeyring(ctx context.Context, h *helper.Helper) error {
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	if settings.Keyring == "" {
		return s.print("keyring: none chosen yet\n")
	}
	return s.print(s.screen().wrap("keyring: "+printable.Line(s.describeKeyring(ctx, settings.Keyring))) + "\n")
}

func recordOf(st helper.Status, last, now time.Time) statusRecord {
	r := statusRecord{
		Profile: st.Profile, System: st.System, Token: "none", Source: st.Source,
		SignedIn: stamp(st.SignedIn), SecretCreated: stamp(st.SecretCreated), SecretExpires: stamp(st.SecretExpires),
		Certificate: stamp(st.CertificateExpires), Expiry: st.Expiry().Urgency(now).String(),
		Previous: st.HasPrevious, RolledBack: st.RolledBack, Rebind: len(st.Changes) > 0, LastFetched: stamp(last),
	}
	if !st.SecretCreated.IsZero() {
		r.SecretAge = int64(now.Sub(st.SecretCreated) / time.Second)
	}
	if end := st.Expiry(); !end.At.IsZero() {
		r.Left = int64(end.At.Sub(now) / time.Second)
	}
	for _, e := range [...]struct {
		err  error
		into *string
	}{{st.Err, &r.Error}, {st.SecretErr, &r.SecretError}} {
		if e.err != nil {
			*e.into = printable.Line(e.err.Error())
		}
	}
	t := st.Token
	if t.Cached {
		r.Token, r.TokenExpires, r.TokenSeconds = "cached", stamp(t.Expires), int64(t.Left/time.Second)
	}
	if t.Over {
		r.Token, r.Reason = "refused", printable.Line(t.Reason)
	}
	if t.Wait > 0 {
		r.Token, r.WaitSeconds, r.Reason = "waiting", int64(t.Wait/time.Second), printable.Line(t.Reason)
		if t.Refused {
			r.Token = "refused"
		}
	}
	return r
}
