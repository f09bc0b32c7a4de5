package helper

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// keyringTime is the limit of each call of a keyring, its opening included.
const keyringTime = 3 * time.Second

// secret finds the client's secret of a profile.
func (h *Helper) secret(ctx context.Context, p *config.Profile) (secret.Text, error) {
	now, err := h.inUse(ctx, p)
	return now.secret, err
}

// inUse is the secret with its dates. The keyring's must be bound to what the
// profile says now (T14); a source that the profile names is the profile's own
// business. It is read each time, so that a program which runs long takes a new
// one over.
func (h *Helper) inUse(ctx context.Context, p *config.Profile) (held, error) {
	if !h.config.Secret.IsZero() {
		return held{secret: h.config.Secret}, nil
	}
	if !p.NeedsSecret() {
		return held{}, nil
	}
	if !p.InKeyring() {
		source, err := keyring.NewSource(p.Secret, h.surroundings(p))
		if err != nil {
			return held{}, keyringError(p, err)
		}
		read := source.Read
		if p.SecretIsKey() {
			read = source.ReadKey
		}
		s, err := read(ctx)
		if err != nil {
			return held{}, keyringError(p, err)
		}
		return held{secret: s, expires: p.SecretExpires}, nil
	}
	e, err := h.envelope(ctx, p)
	if err != nil {
		return held{}, err
	}
	if _, refusal := p.Changes(e.bound); refusal != nil {
		return held{}, refusal
	}
	now := e.current
	now.expires = endOf(p, now)
	return now, nil
}

// endOf is when a secret in the keyring ends: as it was noted with it, else as the
// profile says. What the profile says of a day before it was stored is about an
// earlier one.
func endOf(p *config.Profile, s held) time.Time {
	if s.expires.IsZero() && p.SecretExpires.After(s.created) {
		return p.SecretExpires
	}
	return s.expires
}

// surroundings is what a source of the profile sees of the process.
func (h *Helper) surroundings(p *config.Profile) keyring.Surroundings {
	around := keyring.Surroundings{
		Lookup: func(name string) (string, bool) {
			value := h.env(name)
			return value, value != ""
		},
		Environ:     h.config.Environ,
		Names:       p.SecretEnvironment,
		Credentials: h.env("CREDENTIALS_DIRECTORY"),
	}
	if h.config.CommandSaid != nil {
		around.Failed = func(stdout, stderr secret.Text) {
			if line := h.complaint(stdout, stderr); line != "" {
				h.config.CommandSaid(line)
			}
		}
	}
	return around
}

// complaint is the first line that a failed command wrote to stderr, without what it
// wrote to stdout and without the variables that profiles take secrets from; "" if there is
// none.
func (h *Helper) complaint(stdout, stderr secret.Text) string {
	var hidden []secret.Text
	hide := func(value string, least int) {
		if value = strings.TrimSpace(value); len(value) >= least {
			hidden = append(hidden, secret.New(value))
		}
	}
	for line := range strings.Lines(stdout.Reveal()) {
		hide(line, 1)
		for _, word := range strings.Fields(line) { // NAME: SECRET
			hide(word, 4)
		}
	}
	for _, name := range h.SourceVariables() {
		hide(h.env(name), 1)
	}
	text := oauth.Redact(stderr.Reveal(), hidden...)
	line, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	return printable.Value(strings.TrimSpace(line))
}

// envelope reads what the keyring holds for a profile.
func (h *Helper) envelope(ctx context.Context, p *config.Profile) (*envelope, error) {
	e, err := h.readEnvelope(ctx, p)
	if err != nil {
		return nil, keyringError(p, err)
	}
	return e, nil
}

func (h *Helper) readEnvelope(ctx context.Context, p *config.Profile) (*envelope, error) {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return nil, err
	}
	value, err := k.Get(ctx, h.secretKey(p.Name))
	if err != nil {
		return nil, err
	}
	return decodeEnvelope(p.Name, value)
}

func (h *Helper) putEnvelope(ctx context.Context, p *config.Profile, e *envelope) error {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return keyringError(p, err)
	}
	value, err := e.encode()
	if err != nil {
		return about(p.Name, err, "")
	}
	if err := k.Set(ctx, h.secretKey(p.Name), value); err != nil {
		return keyringError(p, err)
	}
	return nil
}

// CanStore fails where the keyring could not take a secret of p, as when it is locked:
// nobody is to type one, or to sign in, for what is thrown away then. Another's item
// shows as well whether it opens.
func (h *Helper) CanStore(ctx context.Context, p *config.Profile) error {
	k, err := h.openKeyring(ctx)
	if err != nil {
		return keyringError(p, err)
	}
	defer h.CloseKeyring() // whoever is asked may take their time
	names, err := k.Names(ctx)
	if err == nil && len(names) > 0 {
		_, err = k.Get(ctx, names[0])
	}
	if err != nil && !unusable(err) {
		return keyringError(p, err)
	}
	return nil
}

// openKeyring opens the keyring that the settings name, once, within its time.
// Opening may hang where a desktop's bus is dead, whatever the context says.
func (h *Helper) openKeyring(ctx context.Context) (keyring.Keyring, error) {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.keyring != nil {
		return h.keyring, nil
	}
	k, err := h.open(ctx)
	// A program that runs long must not hold the keyring open past credhelper lock,
	// nor past the end of an unlock, nor go on with one that was given up.
	if err == nil && !h.config.RunsLong {
		h.keyring = k
	}
	return k, err
}

// CloseKeyring lets go of the keyring; the next need opens it again. Who waits for
// hours between two needs must not hold it open past credhelper lock meanwhile.
func (h *Helper) CloseKeyring() {
	h.opening.Lock()
	defer h.opening.Unlock()
	h.keyring = nil
}

func (h *Helper) open(ctx context.Context) (keyring.Keyring, error) {
	settings, err := h.Settings()
	if err != nil {
		return nil, err
	}
	return h.openOf(ctx, settings)
}

// openOf opens the keyring that these settings name.
func (h *Helper) openOf(ctx context.Context, settings config.Settings) (keyring.Keyring, error) {
	if settings.Keyring == "" {
		return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: "no keyring has been chosen yet",
			Hint: "choose one: credhelper keyring use file"}
	}
	if h.config.Keyring == nil {
		return nil, fmt.Errorf("%w: there is none here", keyring.ErrUnavailable)
	}
	h.explain("opens the keyring " + settings.Keyring)
	type opened struct {
		keyring keyring.Keyring
		err     error
	}
	done := make(chan opened, 1)
	limited, cancel := context.WithTimeout(ctx, keyringTime)
	go func() {
		defer cancel()
		k, err := h.config.Keyring(limited, settings)
		done <- opened{k, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, o.err
		}
		return keyring.WithDeadline(o.keyring, keyringTime), nil
	case <-limited.Done():
	}
	select {
	case o := <-done: // it ended, which cancels too
		if o.err == nil {
			return keyring.WithDeadline(o.keyring, keyringTime), nil
		}
		return nil, o.err
	default:
		return nil, fmt.Errorf("%w: %s did not open within %v", keyring.ErrUnavailable, settings.Keyring, keyringTime)
	}
}
