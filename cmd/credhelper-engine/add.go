package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// addFlags are the flags of add.
type addFlags struct {
	preset, url, clientID string
	issuer                string
	set                   []string
	caFile, proxy         string
	expires               string
	noVerify, byName      bool
	replace               bool
}

// addCommand creates a profile, stores its secret, and checks that both work.
func (s *session) addCommand() *cobra.Command {
	var f addFlags
	c := &cobra.Command{
		Use:        "add [NAME] [--preset PRESET ...]",
		SuggestFor: []string{"create", "new"},
		Short:      "add a profile: asks for the secret, fetches a token, shows whose it is",
		Long: "Adds a profile and stores its client secret in the keyring. The secret is\n" +
			"asked for on the terminal, or read with --secret-stdin or --secret-file; no\n" +
			"other flag and no variable carries it. A token is fetched at once, and the\n" +
			"API asked who it is for; what the server refuses is not stored.\n\n" +
			"On a terminal it asks for what is missing: credhelper add alone is enough. The\n" +
			"presets, one for each product: credhelper presets",
		Example: "  credhelper add\n" +
			"  credhelper add jama --preset jama --url https://example.jamacloud.com --client-id rbfogo319n6ibtb\n" +
			"  credhelper add jama-rw --by-name --preset jama --url https://example.jamacloud.com --client-id ID",
		GroupID:     groupManage,
		Args:        between(0, 1),
		Annotations: patient,
		RunE: func(c *cobra.Command, args []string) error {
			name, err := s.askForProfile(c, args, &f)
			if err != nil {
				return err
			}
			return s.add(c.Context(), name, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.preset, "preset", "", "`PRESET` of the product")
	flags.StringVar(&f.url, "url", "", "base address of the product")
	flags.StringVar(&f.clientID, "client-id", "", "the client's `ID`")
	flags.StringVar(&f.issuer, "issuer", "", "`URL` of the authorization server; preset oidc asks it for its endpoints")
	flags.StringArrayVar(&f.set, "set", nil, "set a member of the profile: `KEY=VALUE` (repeatable)")
	flags.StringVar(&f.caFile, "ca-file", "", "PEM `FILE` of the CAs to trust instead of the system's")
	flags.StringVar(&f.proxy, "proxy", "", "proxy `URL`, or none")
	flags.StringVar(&f.expires, "expires", "", "when the secret expires (`YYYY-MM-DD`), for a reminder")
	flags.BoolVar(&f.noVerify, "no-verify", false, "store it without asking the server")
	flags.BoolVar(&f.byName, "by-name", false, "use it only by its name, for no URL: a second account on a server")
	flags.BoolVar(&f.replace, "replace", false, "replace a profile of that name, and its secret")
	s.secretFlagsOf(c)
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presets.Names(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (s *session) add(ctx context.Context, name string, f addFlags) error {
	h, err := s.open()
	if err != nil {
		return err
	}
	draft, err := s.newDraft(ctx, h, name, f)
	if err != nil {
		return err
	}
	s.noteDoubts(h, draft)
	if !draft.NeedsSecret() {
		return s.addWithoutSecret(ctx, h, draft, f.noVerify)
	}
	if !draft.InKeyring() {
		return s.addWithSource(ctx, h, draft, f.noVerify)
	}
	choice, err := s.chooseKeyring(ctx, h)
	if err != nil {
		return err
	}
	text, err := s.readProof(draft, func() error { return choice.ready(ctx, s, h, draft) })
	if err == nil && !s.typed { // before the server is asked in vain
		err = choice.accepts(ctx, h, draft)
	}
	if errors.Is(err, terminal.ErrNone) && f.noVerify {
		if err := h.AddProfile(ctx, draft, secret.Text{}); err != nil {
			return err
		}
		store := "credhelper rotate " + name + " --secret-stdin"
		if f.expires != "" {
			store += " --expires " + f.expires
		}
		s.say("Added profile \"" + name + "\" without a secret. Store it: " + store)
		return nil
	}
	if err != nil {
		return err
	}
	var tested helper.TestResult
	var doubt error
	if !f.noVerify {
		if tested, doubt, err = s.verified(ctx, h, draft, text, false); err != nil {
			return refusedAdd(err, name)
		}
	}
	err = choice.store(ctx, s, h, func() error { return h.AddProfile(ctx, draft, text) })
	if err != nil {
		return err
	}
	h.Keep(ctx, tested)
	if doubt == nil {
		s.added(draft)
	}
	return doubt
}

// noteDoubts reports anything unusual about a new profile and its directory.
func (s *session) noteDoubts(h *helper.Helper, draft *config.Profile) {
	for _, w := range append(seldomMeant(draft), h.Unguarded()...) {
		s.say("Note: " + w)
	}
	for _, source := range draft.Sources {
		if shared := source.ReadableByOthers(); shared != "" {
			s.say("Note: " + shared)
		}
	}
}

// seldomMeant lists settings of a profile that are legal but unusual.
func seldomMeant(p *config.Profile) (list []string) {
	if len(p.Origins) == 0 {
		list = append(list, "it owns no origin: its token is given by name only, never for a URL (set url or origins)")
	}
	return list
}

// addWithoutSecret adds a profile without a stored secret: a public client with which a
// person signs in, or one whose credential is elsewhere.
func (s *session) addWithoutSecret(ctx context.Context, h *helper.Helper, draft *config.Profile, noVerify bool) error {
	if s.secret.stdin || s.secret.file != "" || s.secret.key != "" {
		return protocol.Malformed("client_auth " + draft.ClientAuth + " has no secret; there is none to store")
	}
	if !draft.Interactive() {
		return s.addWithSource(ctx, h, draft, noVerify)
	}
	choice, err := s.chooseKeyring(ctx, h) // for the sign-in
	if err != nil {
		return err
	}
	err = choice.store(ctx, s, h, func() error { return h.AddProfile(ctx, draft, secret.Text{}) })
	if err != nil {
		return err
	}
	s.added(draft)
	return nil
}

// addWithSource adds a profile whose secret is not in the keyring.
func (s *session) addWithSource(ctx context.Context, h *helper.Helper, draft *config.Profile, noVerify bool) error {
	if s.secret.stdin || s.secret.file != "" {
		return protocol.Malformed("the profile's secret comes from " + draft.Secret[0] + "; there is none to store")
	}
	if err := h.AddProfile(ctx, draft, secret.Text{}); err != nil {
		return err
	}
	if !noVerify {
		tested, err := h.Test(ctx, draft.Name)
		s.sayTested(tested)
		if err != nil {
			return notStored(err, "the profile is added all the same")
		}
	}
	s.added(draft)
	return nil
}

// refusedAdd adapts a refusal whose hint refers to a profile that does not exist yet.
func refusedAdd(err error, name string) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		for _, verb := range [...]string{"rotate", "edit"} {
			e.Hint = strings.ReplaceAll(e.Hint, "credhelper "+verb+" "+name, "credhelper add "+name+" ...")
		}
	}
	return err
}

func (s *session) added(p *config.Profile) {
	if p.Interactive() {
		s.say("Added profile \"" + p.Name + "\". Sign in:  credhelper login " + p.Name)
		return
	}
	s.say("Added profile \"" + p.Name + "\". Try:  " + whatWorks(p))
}

// whatWorks is a command that a new profile can answer: its token goes only to its origins.
func whatWorks(p *config.Profile) string {
	path := "/"
	if probe := strings.TrimPrefix(p.ProbeURL(), p.URL); probe != "" {
		path = probe
	}
	if u, reason := origin.ParseURL(p.URL + path); p.URL != "" && reason == origin.Release {
		if _, err := home.Owns(p, u); err == nil {
			return "credhelper curl " + p.Name + " -- " + path
		}
	}
	return "credhelper token " + p.Name
}
