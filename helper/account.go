package helper

import (
	"context"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol/secret"
)

// AddProfile stores the secret, if there is one, and then writes the profile. If that
// fails it removes the secret, so that there is never an incomplete profile. Where a
// profile is replaced, a failure leaves the one before, whose secret is for what it said
// no more.
func (h *Helper) AddProfile(ctx context.Context, p *config.Profile, s secret.Text) error {
	if err := h.CheckNew(p); err != nil {
		return err
	}
	if !s.IsZero() {
		if err := h.StoreSecret(ctx, p, s, p.SecretExpires); err != nil {
			return err
		}
	}
	err := h.WriteProfile(p)
	if err != nil && !s.IsZero() && !p.Replaces {
		_ = h.DeleteSecret(ctx, p.Name)
	}
	return err
}

// RemoveProfile deletes the profile's secret, its cached token, and its file. A profile
// in the system's directory must be removed there. If the secret cannot be deleted the
// profile is kept, so that nothing is left behind unnoticed.
func (h *Helper) RemoveProfile(ctx context.Context, name string) error {
	if err := h.Removable(name); err != nil {
		return err
	}
	if settings, err := h.Settings(); err == nil && settings.Keyring != "" {
		if err := h.DeleteSecret(ctx, name); err != nil {
			return err
		}
	} else if err := h.forget(ctx, name, "removed"); err != nil {
		return err
	}
	return h.DeleteProfile(name)
}
