package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// addFlags are what a person gives for a new profile.
type addFlags struct {
	preset, url, clientID string
	issuer                string
	set                   []string
	caFile, proxy         string
	expires               string
	noVerify              bool
}

// addCommand makes a profile, stores its secret, and sees that both work.
func (s *session) addCommand() *cobra.Command {
	var f addFlags
	c := &cobra.Command{
		Use:   "add NAME --preset PRESET",
		Short: "add a profile: asks for the secret, fetches a token, says who you are",
		Long: "Adds a profile and stores its client secret in the keyring. The secret is\n" +
			"asked for on the terminal, or read with --secret-stdin or --secret-file; no\n" +
			"other flag and no variable carries it. A token is fetched at once, and the\n" +
			"API asked who it is for; what the server refuses is not stored.\n\n" +
			"Presets: " + strings.Join(helper.PresetNames(), ", "),
		Example:     "  credhelper add jama --preset jama --url https://example.jamacloud.com --client-id rbfogo319n6ibtb",
		GroupID:     groupManage,
		Args:        between(1, 1, "add NAME --preset PRESET ..."),
		Annotations: patient,
		RunE:        func(c *cobra.Command, args []string) error { return s.add(c.Context(), args[0], f) },
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
	s.secretFlagsOf(c)
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(helper.PresetNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// secretFlagsOf shows the flags of a verb that reads a secret in its help.
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
	draft, err := s.draft(ctx, h, name, f)
	if err != nil {
		return err
	}
	if err := h.CheckNew(draft); err != nil {
		return err
	}
	for _, w := range draft.Warnings() {
		s.say("Note: " + w)
	}
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
	text, err := s.readProof(draft, func() { choice.announce(s) })
	if errors.Is(err, errNoTerminal) && f.noVerify {
		if err := h.AddProfile(ctx, draft, secret.Text{}); err != nil {
			return err
		}
		s.say("Added profile \"" + name + "\" without a secret. Store it: credhelper rotate " + name + " --secret-stdin")
		return nil
	}
	if err != nil {
		return err
	}
	var tested helper.Tested
	var doubt error
	if !f.noVerify {
		if tested, doubt, err = s.verify(ctx, h, draft, text); err != nil {
			return refusedAdd(err, name)
		}
	}
	if err := choice.settle(ctx, s, h); err != nil {
		return err
	}
	if err := h.AddProfile(ctx, draft, text); err != nil {
		return err
	}
	h.Keep(ctx, tested)
	s.added(draft)
	return doubt
}

// draft makes the profile of the flags.
func (s *session) draft(ctx context.Context, h *helper.Helper, name string, f addFlags) (*helper.Profile, error) {
	file := helper.File{Preset: f.preset, URL: f.url, ClientID: f.clientID, CAFile: f.caFile, Proxy: f.proxy, Issuer: f.issuer}
	if f.expires != "" {
		if _, err := time.Parse(time.DateOnly, f.expires); err != nil {
			return nil, malformed("--expires wants a date, YYYY-MM-DD")
		}
		file.SecretExpires = f.expires
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
			Hint: "--preset is one of " + strings.Join(helper.PresetNames(), ", ") + "; with oauth2 everything is given by --set",
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
		file.ClientAuth = "private_key_jwt" // who brings a key wants to sign with it
		return h.Draft(name, file)
	}
	return draft, err
}

// lacking names all that the preset needs and nobody gave, with the flags that
// give it; an unknown preset is Draft's to tell.
func lacking(h *helper.Helper, file *helper.File) error {
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

// secretQuestion asks for the secret of a product's client.
func secretQuestion(p *helper.Profile) string {
	of := p.Title
	if of == "" {
		of = p.Name
	}
	return "Client secret of " + oneLine(p.ClientID) + " (" + oneLine(of) + "), not shown"
}

// addWithSource adds a profile whose secret lies elsewhere.
func (s *session) addWithSource(ctx context.Context, h *helper.Helper, draft *helper.Profile, noVerify bool) error {
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

// verify asks for a token and the API whom it is for. doubt is an error that says
// nothing against the secret, so that storing it loses nothing: no network, or an
// API that does not let this account in. err is a refusal.
func (s *session) verify(ctx context.Context, h *helper.Helper, p *helper.Profile, text secret.Text) (tested helper.Tested, doubt, err error) {
	if p.Person() { // who signs in will see
		return tested, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	tested, err = h.Try(ctx, p, text)
	s.sayTested(tested)
	switch {
	case errors.Is(err, protocol.ErrUnreachable):
		return tested, notStored(err, "stored, but not verified: credhelper test "+p.Name), nil
	case errors.Is(err, protocol.ErrProbe):
		return tested, notStored(err, "stored, for the token itself is good"), nil
	}
	return tested, nil, err
}

// sayTested tells what a test found out, as far as it came.
func (s *session) sayTested(t helper.Tested) {
	ok := s.screenOf(s.stderr).paint(green, "ok")
	if t.Life <= 0 {
		return
	}
	s.sayPainted(ok + "  token      from " + oneLine(t.TokenURL) + ", valid " + span(t.Life))
	if t.Identity != "" {
		s.sayPainted(ok + "  identity   " + oneLine(t.Identity) + " (" + oneLine(lastPart(t.ProbeURL)) + ")")
	}
}

// lastPart is the last two segments of an address.
func lastPart(url string) string {
	parts := strings.Split(url, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// notStored adds to an error what became of the secret.
func notStored(err error, what string) error {
	e := &protocol.Error{Text: err.Error() + "; " + what}
	var known *protocol.Error
	if errors.As(err, &known) {
		e.Kind, e.Hint = known.Kind, known.Hint
	}
	return e
}

// refusedAdd is a refusal while there is no profile yet that a hint could be
// about.
func refusedAdd(err error, name string) error {
	err = notStored(err, "nothing was stored")
	var e *protocol.Error
	if errors.As(err, &e) {
		for _, verb := range [...]string{"rotate", "edit"} {
			e.Hint = strings.ReplaceAll(e.Hint, "credhelper "+verb+" "+name, "credhelper add "+name+" ...")
		}
	}
	return err
}

func (s *session) added(p *helper.Profile) {
	if p.Person() {
		s.say("Added profile \"" + p.Name + "\". Sign in:  credhelper login " + p.Name)
		return
	}
	try := "credhelper token " + p.Name
	if p.URL != "" {
		try = "credhelper curl " + p.Name + " -- /"
		if path := strings.TrimPrefix(p.ProbeURL(), p.URL); path != "" {
			try = "credhelper curl " + p.Name + " -- " + path
		}
	}
	s.say("Added profile \"" + p.Name + "\". Try:  " + try)
}

// rotateFlags say what to do with the secret of a profile.
type rotateFlags struct {
	confirm, rollback, noVerify bool
	expires                     string
}

// rotateCommand stores another secret, and keeps the one before until the new one
// is confirmed.
func (s *session) rotateCommand() *cobra.Command {
	var f rotateFlags
	c := &cobra.Command{
		Use:   "rotate NAME",
		Short: "store a new secret; the one before is kept until --confirm, and --rollback goes back to it",
		Long: "Stores a new secret for a profile, or its first one. The server is asked for a\n" +
			"token with it before anything is stored. The secret before it is kept, so that\n" +
			"--rollback can go back to it, until --confirm forgets it.",
		GroupID:           groupManage,
		Args:              between(1, 1, "rotate NAME [--confirm | --rollback]"),
		Annotations:       patient,
		ValidArgsFunction: s.completeProfiles,
		RunE:              func(c *cobra.Command, args []string) error { return s.rotate(c.Context(), args[0], f) },
	}
	c.Flags().BoolVar(&f.confirm, "confirm", false, "the new secret works everywhere; forget the one before")
	c.Flags().BoolVar(&f.rollback, "rollback", false, "use the secret before the current one again")
	c.Flags().BoolVar(&f.noVerify, "no-verify", false, "store it without asking the server")
	c.Flags().StringVar(&f.expires, "expires", "", "when the secret ends, as `YYYY-MM-DD`")
	s.secretFlagsOf(c)
	return c
}

func (s *session) rotate(ctx context.Context, name string, f rotateFlags) error {
	h, p, err := s.openProfile(name)
	if err != nil {
		return err
	}
	switch {
	case f.confirm && f.rollback:
		return malformed("--confirm and --rollback: one of them")
	case f.confirm:
		if err := h.ConfirmSecret(ctx, p); err != nil {
			return err
		}
		s.say("The earlier secret of " + name + " is forgotten.")
		return nil
	case f.rollback:
		if err := h.RollbackSecret(ctx, p); err != nil {
			return err
		}
		s.say("The earlier secret of " + name + " is in use again; rotate --rollback undoes this.")
		return nil
	case !p.InKeyring():
		return policy("profile " + name + ": its secret comes from " + p.Secret[0] + "; change it there")
	}
	return s.storeNew(ctx, h, p, f)
}

func (s *session) storeNew(ctx context.Context, h *helper.Helper, p *helper.Profile, f rotateFlags) error {
	expires := p.SecretExpires
	if f.expires != "" {
		var err error
		if expires, err = time.Parse(time.DateOnly, f.expires); err != nil {
			return malformed("--expires wants a date, YYYY-MM-DD")
		}
	}
	choice, err := s.chooseKeyring(ctx, h)
	if err != nil {
		return err
	}
	text, err := s.readProof(p, func() { choice.announce(s) })
	if err != nil {
		return err
	}
	var tested helper.Tested
	var doubt error
	if !f.noVerify {
		if tested, doubt, err = s.verify(ctx, h, p, text); err != nil {
			return notStored(err, "the secret that was stored before is unchanged")
		}
	}
	if err := choice.settle(ctx, s, h); err != nil {
		return err
	}
	if err := h.StoreSecret(ctx, p, text, expires); err != nil {
		return err
	}
	h.Keep(ctx, tested)
	s.say(fmt.Sprintf("The new secret of %s is stored. Once it works everywhere: credhelper rotate %s --confirm", p.Name, p.Name))
	return doubt
}
