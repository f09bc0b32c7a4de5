package main

import (
	"context"
	"errors"
	"strings"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/config/presets"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// newDraft makes a profile from the flags, and checks that it can be added. If another
// profile already answers for its address, it offers to use the new one by its name only.
func (s *session) newDraft(ctx context.Context, h *helper.Helper, name string, f addFlags) (*config.Profile, error) {
	draft, err := s.draft(ctx, h, name, f)
	if err != nil {
		return nil, err
	}
	replaces := f.replace || s.replaces(h, name)
	draft.Replaces = replaces
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
	draft.Replaces = replaces
	return draft, h.CheckNew(draft)
}

// replaces asks whether to replace a profile that never got a token, as after a mistyped
// address.
func (s *session) replaces(h *helper.Helper, name string) bool {
	if h.Removable(name) != nil || !knownFromLog(h)[name].fetched.IsZero() || !s.personSits() {
		return false
	}
	yes, err := s.askYes("Profile " + name + " is there already, and never got a token. Replace it?")
	return err == nil && yes
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
			Hint: "give the address alone, and --client-id ID; the secret is asked for at a prompt (or --secret-stdin). What was typed may be in the shell's history: create a new secret"}
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
			return nil, protocol.Malformed("--set wants KEY=VALUE")
		}
		if err := file.Set(key, value); err != nil {
			return nil, err
		}
	}
	if grant, _ := oauth.FindGrant(file.Grant); file.Preset == "" && file.TokenURL == "" && grant.Make == nil {
		return nil, &protocol.Error{
			Kind: protocol.ErrMalformed,
			Text: "add: which preset?",
			Hint: "--preset is one of " + strings.Join(presets.Names(), ", ") + "; with oauth2, set everything with --set",
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

// lacking returns an error that lists the values that the preset needs and that are missing,
// with their flags. Draft reports an unknown preset.
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

// endpoints asks the issuer for its endpoints, if the preset wants that.
func (s *session) endpoints(ctx context.Context, h *helper.Helper, f *config.File) error {
	if f.Issuer == "" || f.TokenURL != "" || f.Preset == "" {
		return nil
	}
	preset, err := h.Preset(f.Preset)
	if err != nil || !preset.Discover {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return h.Discover(ctx, f)
}
