package helper

import (
	"context"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/protocol/secret"
)

// AddProfile stores the secret, if there is one, and then writes the profile; if
// that fails the secret is taken away again, so there is never half a profile.
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
	if err != nil && !s.IsZero() {
		_ = h.DeleteSecret(ctx, p.Name)
	}
	return err
}

// RemoveProfile deletes the profile's secret, its cached token, and its file. One
// of the system's can only be removed there. A secret that cannot be deleted
// keeps the profile, so that nothing is left behind unseen.
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
