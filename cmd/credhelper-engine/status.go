package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// statusCommand shows the state of profiles, without contacting a server.
func (s *session) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "status [NAME ...]",
		Short:             "show tokens, secrets and waits, without asking any server",
		GroupID:           groupKeep,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.status(c.Context(), args) },
	}
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
	if len(names) == 0 {
		s.sayStrays(h)
		h.Refresh(ctx)
	}
	fetched := lastFetched(h)
	locked := s.lockedWord(ctx, h)
	now := s.now()
	var problems []error
	rows := [][]string{{"PROFILE", "SYSTEM", "TOKEN", "SECRET", "LAST FETCHED"}}
	records := []statusRecord{}
	for _, st := range list {
		last := fetched[st.Profile]
		if st.Err != nil {
			problems = append(problems, st.Err)
		}
		if errors.Is(st.Err, protocol.ErrUnknown) {
			return st.Err // the name was given on the command line
		}
		rows = append(rows, s.statusRow(st, locked, last, now))
		records = append(records, recordOf(st, last, now))
	}
	switch {
	case s.flags.json:
		err = s.printJSON(records)
	case len(list) == 0:
		s.say("No profiles yet. Make one: credhelper add NAME --preset PRESET ...")
	default:
		err = s.print(s.screen().table(rows))
	}
	if err == nil && !s.flags.json {
		err = s.sayKeyring(ctx, h)
	}
	if err != nil {
		return err
	}
	return summary(problems)
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
	return s.print("keyring: " + printable.Line(s.describeKeyring(ctx, settings.Keyring)) + "\n")
}

// lastFetched returns when a token of each profile was last fetched, according to the
// log.
func lastFetched(h *helper.Helper) map[string]time.Time {
	last := map[string]time.Time{}
	_ = h.Log(func(r helper.Record) bool {
		if r.Event == "fetch" {
			last[r.Profile] = r.Time
		}
		return true
	})
	return last
}

func (s *session) statusRow(st helper.Status, locked string, last, now time.Time) []string {
	c := s.screen()
	if st.Err != nil {
		return []string{st.Profile, "-", c.paint(red, "cannot be used"), "-", "-"}
	}
	return []string{st.Profile, orDash(st.System), s.tokenCell(c, st.Token, now), s.secretCell(c, st, locked, now), s.ago(last, now)}
}

// tokenCell shows the remaining lifetime of the token, as a bar on a terminal.
func (s *session) tokenCell(c screen, t helper.TokenStatus, now time.Time) string {
	var cell string
	switch {
	case t.Over:
		return c.paint(red, "sign-in over")
	case t.Wait > 0 && t.Refused:
		cell = c.paint(red, "refused: wait "+span(t.Wait))
	case t.Wait > 0:
		cell = c.paint(yellow, "wait "+span(t.Wait))
	case t.Cached:
		cell = c.bar(int64(t.Left), int64(t.Life), 14) + span(t.Left)
	default:
		return "fetched when asked"
	}
	if s.flags.verbose {
		end := t.Expires
		if t.Wait > 0 {
			end = now.Add(t.Wait)
		}
		cell += " (until " + end.UTC().Format(time.RFC3339) + ")"
	}
	return cell
}

// lockedWord is why a keyring that would have to be opened is not, in a word or two.
func (s *session) lockedWord(ctx context.Context, h *helper.Helper) string {
	settings, err := h.Settings()
	if err == nil && settings.Keyring == "" {
		return "no keyring"
	}
	if err == nil && settings.Keyring == fileKeyring {
		if _, err = s.fileOpener(ctx); errors.Is(err, keyring.ErrKeyGone) {
			return "key lost"
		}
	}
	return "locked"
}

func (s *session) secretCell(c screen, st helper.Status, locked string, now time.Time) string {
	switch {
	case st.SecretErr != nil && errors.Is(st.SecretErr, protocol.ErrLogin):
		return c.paint(red, "sign in: login")
	case st.SecretErr != nil && errors.Is(st.SecretErr, protocol.ErrNoSecret):
		return c.paint(red, "missing")
	case st.SecretErr != nil && errors.Is(st.SecretErr, protocol.ErrLocked):
		return c.paint(yellow, locked)
	case st.SecretErr != nil:
		return c.paint(red, "cannot be read")
	case len(st.Changes) > 0:
		return c.paint(red, "for other "+st.Changes[0].Name+" (rebind)")
	}
	text := s.secretOrigin(st, now)
	end := st.Ending()
	if end.At.IsZero() {
		return text
	}
	text += ", " + strings.TrimPrefix(end.Words(now), "secret ")
	if s.flags.verbose {
		text += " (" + end.At.UTC().Format(time.RFC3339) + ")"
	}
	switch end.Urgency(now) {
	case helper.Noted:
		return c.paint(yellow, text)
	case helper.Pressing:
		return c.paint(yellow, text+" (!)")
	case helper.Over:
		return c.paint(red, text+" (!)")
	}
	return text
}

// secretOrigin describes where a secret comes from and how old it is.
func (s *session) secretOrigin(st helper.Status, now time.Time) string {
	switch {
	case !st.SignedIn.IsZero() && st.SecretCreated.IsZero():
		return "signed in, " + span(now.Sub(st.SignedIn))
	case st.Source == "":
		return "none needed"
	case st.SecretCreated.IsZero():
		return "from " + st.Source
	}
	text := span(now.Sub(st.SecretCreated)) + " old"
	switch {
	case st.RolledBack:
		text += ", newer one kept"
	case st.HasPrevious:
		text += ", earlier one kept"
	}
	if s.flags.verbose {
		text += " (" + st.SecretCreated.UTC().Format(time.RFC3339) + ")"
	}
	return text
}

func (s *session) ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	text := span(now.Sub(t)) + " ago"
	if s.flags.verbose {
		text += " (" + t.UTC().Format(time.RFC3339) + ")"
	}
	return text
}

func recordOf(st helper.Status, last, now time.Time) statusRecord {
	r := statusRecord{
		Profile: st.Profile, System: st.System, Token: "none", Source: st.Source,
		SignedIn: stamp(st.SignedIn), SecretCreated: stamp(st.SecretCreated), SecretExpires: stamp(st.SecretExpires),
		Certificate: stamp(st.CertificateExpires), Expiry: st.Ending().Urgency(now).String(),
		Previous: st.HasPrevious, RolledBack: st.RolledBack, Rebind: len(st.Changes) > 0, LastFetched: stamp(last),
	}
	if !st.SecretCreated.IsZero() {
		r.SecretAge = int64(now.Sub(st.SecretCreated) / time.Second)
	}
	if end := st.Ending(); !end.At.IsZero() {
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

// stamp formats a time for JSON, "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// span formats a duration for people, in its largest unit.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", (d+time.Second/2)/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
