package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/cmd/internal/terminal"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
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
		Short:      "add a profile: asks for the secret, fetches a token, says who you are",
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
	flags.StringVar(&f.preset, "preset", "", "what is known about the product: `PRESET`")
	flags.StringVar(&f.url, "url", "", "base address of the product")
	flags.StringVar(&f.clientID, "client-id", "", "the client's `ID`")
	flags.StringVar(&f.issuer, "issuer", "", "`URL` of the authorization server; preset oidc asks it for its endpoints")
	flags.StringArrayVar(&f.set, "set", nil, "set a member of the profile: `KEY=VALUE` (repeatable)")
	flags.StringVar(&f.caFile, "ca-file", "", "PEM `FILE` of the authorities to trust instead of the system's")
	flags.StringVar(&f.proxy, "proxy", "", "proxy `URL`, or none")
	flags.StringVar(&f.expires, "expires", "", "when the secret ends, as `YYYY-MM-DD`, to be reminded of")
	flags.BoolVar(&f.noVerify, "no-verify", false, "store it without asking the server")
	flags.BoolVar(&f.byName, "by-name", false, "it answers only by its name, for no URL: a second account on a server")
	flags.BoolVar(&f.replace, "replace", false, "take the place of a profile of that name, and of its secret")
	s.secretFlagsOf(c)
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(config.PresetNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// secretFlagsOf adds the flags of a command that reads a secret to its help.
func (s *session) secretFlagsOf(c *cobra.Command) {
	c.Flags().BoolVar(&s.secret.stdin, "secret-stdin", false, "read the secret from stdin")
	c.Flags().StringVar(&s.secret.file, "secret-file", "", "read the secret from `FILE`")
	c.Flags().StringVar(&s.secret.key, "key-file", "", "the client signs: keep the private key of `FILE` (PEM, PKCS#12, Google's JSON)")
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

// newDraft makes a profile from the flags that can be added. Where another profile already
// answers for its address, a person may want it by its name only.
func (s *session) newDraft(ctx context.Context, h *helper.Helper, name string, f addFlags) (*config.Profile, error) {
	draft, err := s.draft(ctx, h, name, f)
	if err != nil {
		return nil, err
	}
	draft.Replaces = f.replace || s.replaces(ctx, h, name)
	err = h.CheckNew(draft)
	if !errors.Is(err, protocol.ErrAmbiguous) || !s.personSits() {
		return draft, err
	}
	if yes, askErr := s.askYes(printable.Line(err.Error()) + ". Add " + name + " to be used by its name only?"); askErr != nil || !yes {
		return nil, err
	}
	f.byName = true
	if draft, err = s.draft(ctx, h, name, f); err != nil {
		return nil, err
	}
	draft.Replaces = f.replace
	return draft, h.CheckNew(draft)
}

// replaces asks whether a profile that never got a token is to be replaced, as after a
// mistyped address.
func (s *session) replaces(ctx context.Context, h *helper.Helper, name string) bool {
	if h.Removable(name) != nil || !knownFromLog(h)[name].fetched.IsZero() || !s.personSits() {
		return false
	}
	yes, err := s.askYes("Profile " + name + " is there already, and never got a token. Replace it?")
	return err == nil && yes
}

// noteDoubts reports anything unusual about a new profile and its directory.
func (s *session) noteDoubts(h *helper.Helper, draft *config.Profile) {
	for _, w := range append(seldomMeant(draft), h.Unguarded()...) {
		s.say("Note: " + w)
	}
	for _, source := range draft.Sources() {
		if shared := source.ReadableByOthers(); shared != "" {
			s.say("Note: " + shared)
		}
	}
}

// draft makes a profile from the flags.
func (s *session) draft(ctx context.Context, h *helper.Helper, name string, f addFlags) (*config.Profile, error) {
	somebody := namesSomebody(f.url) || namesSomebody(f.issuer)
	for _, pair := range f.set {
		key, value, _ := strings.Cut(pair, "=")
		somebody = somebody || (strings.HasSuffix(key, "url") || key == "issuer") && namesSomebody(value)
	}
	if somebody {
		return nil, &protocol.Error{Kind: protocol.ErrPolicy, Text: "add: there is an @ before the path: an id and secret in an address are refused",
			Hint: "give the address alone, and --client-id ID; the secret is asked for at a prompt (or --secret-stdin). What was typed may stand in the shell's history: make a new secret"}
	}
	file := config.File{Preset: f.preset, URL: f.url, ClientID: f.clientID, CAFile: f.caFile, Proxy: f.proxy, Issuer: f.issuer}
	if f.byName {
		file.ByName = &f.byName
	}
	expires, err := s.expiryDate(f.expires)
	if err != nil {
		return nil, err
	}
	for _, pair := range f.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, malformed("--set wants KEY=VALUE")
		}
		if err := file.Set(key, value); err != nil {
			return nil, err
		}
	}
	if file.Preset == "" && file.TokenURL == "" {
		return nil, &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "add: which preset?",
			Hint: "--preset is one of " + strings.Join(config.PresetNames(), ", ") + "; with oauth2 everything is given by --set",
		}
	}
	if err := lacking(h, &file); err != nil {
		return nil, err
	}
	if err := s.endpoints(ctx, h, &file); err != nil {
		return nil, err
	}
	draft, err := h.Draft(name, file)
	if err == nil && s.secret.key != "" && file.ClientAuth == "" && !draft.NeedsKey() {
		file.ClientAuth = "private_key_jwt" // a key is meant for signing
		draft, err = h.Draft(name, file)
	}
	if err != nil || f.expires == "" {
		return draft, err
	}
	// The expiry of a secret in the keyring is recorded beside it; in the profile it
	// would apply to the next secret as well.
	if draft.InKeyring() && draft.NeedsSecret() {
		draft.SecretExpires = expires
		return draft, nil
	}
	file.SecretExpires = f.expires
	return h.Draft(name, file)
}

// namesSomebody reports whether an address contains a user name or password, as in
// examples for curl: https://ID:SECRET@HOST/.
func namesSomebody(address string) bool {
	_, rest, _ := strings.Cut(address, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return strings.Contains(rest, "@")
}

// expiryDate parses --expires: a future date, in UTC; zero for "".
func (s *session) expiryDate(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return t, malformed("--expires wants a date, YYYY-MM-DD")
	case !t.After(s.now()):
		return t, malformed("--expires " + text + " is past")
	}
	return t, nil
}

// lacking returns an error that lists the missing values which the preset needs, with
// their flags. Draft reports an unknown preset.
func lacking(h *helper.Helper, file *config.File) error {
	preset, err := h.Preset(file.Preset)
	if err != nil {
		return nil
	}
	var keys, flags []string
	for _, need := range preset.Needs {
		if !file.Lacks(need.Key) {
			continue
		}
		keys = append(keys, need.Key+" ("+need.Ask+")")
		switch need.Key {
		case "url":
			flags = append(flags, "--url ADDRESS")
		case "client_id":
			flags = append(flags, "--client-id ID")
		default:
			flags = append(flags, "--set "+need.Key+"=...")
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return &protocol.Error{
		Kind: protocol.ErrMalformed,
		Text: "add: preset " + preset.Name + " needs " + strings.Join(keys, " and "),
		Hint: "add " + strings.Join(flags, " "),
	}
}

// secretQuestion returns the prompt for the secret of a product's client.
func secretQuestion(p *config.Profile) string {
	of := p.Title
	if of == "" {
		of = p.Name
	}
	return "Client secret of " + printable.Line(p.ClientID) + " (" + printable.Line(of) + "), not shown"
}

// addWithSource adds a profile whose secret is not in the keyring.
func (s *session) addWithSource(ctx context.Context, h *helper.Helper, draft *config.Profile, noVerify bool) error {
	if s.secret.stdin || s.secret.file != "" {
		return malformed("the profile's secret comes from " + draft.Secret[0] + "; there is none to store")
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
