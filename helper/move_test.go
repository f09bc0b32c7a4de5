package helper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// deaf is a keyring that takes no value, or takes it and loses it.
type deaf struct {
	keyring.Keyring
	err error
}

func (d deaf) Set(context.Context, string, secret.Text) error { return d.err }

// TestMoveSecrets: another keyring gets the secrets that were shown once, and
// whatever goes wrong on the way leaves them with the old one.
func TestMoveSecrets(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(keyring.Keyring) keyring.Keyring // what the new keyring is like
		moved bool
	}{
		{"to a good one", func(k keyring.Keyring) keyring.Keyring { return k }, true},
		{"to one that fails", func(k keyring.Keyring) keyring.Keyring { return deaf{k, keyring.ErrUnavailable} }, false},
		{"to one that drops what it is given (F10)", func(k keyring.Keyring) keyring.Keyring { return deaf{k, nil} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := ready(t, oauthtest.Options{})
			h.profile("bare", plain) // has no secret yet
			other := &memory{items: map[string]secret.Text{}}
			own := h.config()
			own.Keyring = func(_ context.Context, s config.Settings) (keyring.Keyring, error) {
				if s.Keyring == "pass" {
					return c.wrong(other), nil
				}
				return h.keyring, nil
			}
			moved, err := helper.New(own).MoveSecrets(t.Context(), "pass")
			settings, _ := helper.New(own).Settings()
			if c.moved {
				if err != nil || len(moved) != 1 || moved[0] != "demo" || settings.Keyring != "pass" || len(h.keyring.items) != 0 || len(other.items) != 1 {
					t.Fatalf("moved %q, %v; keyring %s; %d left, %d there", moved, err, settings.Keyring, len(h.keyring.items), len(other.items))
				}
			} else if !errors.Is(err, keyring.ErrUnavailable) || settings.Keyring != "file" || len(h.keyring.items) != 1 {
				t.Fatalf("%v; keyring %s, %d left", err, settings.Keyring, len(h.keyring.items))
			}
			if _, err := helper.New(own).Test(t.Context(), "demo"); err != nil {
				t.Errorf("the secret is not found any more: %v", err)
			}
		})
	}
}

// TestMoveSignIn: a sign-in, too, goes along and lasts.
func TestMoveSignIn(t *testing.T) {
	h := signedIn(t, oauthtest.Options{})
	other := &memory{items: map[string]secret.Text{}}
	own := h.config()
	own.Keyring = func(_ context.Context, s config.Settings) (keyring.Keyring, error) {
		if s.Keyring == "pass" {
			return other, nil
		}
		return h.keyring, nil
	}
	if moved, err := helper.New(own).MoveSecrets(t.Context(), "pass"); err != nil || len(moved) != 1 || len(h.keyring.items) != 0 {
		t.Fatalf("%q, %v, %d left", moved, err, len(h.keyring.items))
	}
	h.wait(2 * time.Hour) // the cached token has ended
	own.Start = h.now()
	if _, err := helper.New(own).Get(t.Context(), protocol.Request{Verb: protocol.Get, Profile: "demo"}); err != nil {
		t.Error(err)
	}
}

// TestMoveDoor: the keys of the door go along, and with them each guest and token of
// theirs; whatever goes wrong on the way leaves them where they were.
func TestMoveDoor(t *testing.T) {
	h := ready(t, oauthtest.Options{})
	other := &memory{items: map[string]secret.Text{}}
	var wrong error // of the new keyring
	own := h.config()
	own.Keyring = func(_ context.Context, s config.Settings) (keyring.Keyring, error) {
		if s.Keyring == "pass" && wrong != nil {
			return deaf{other, wrong}, nil
		}
		if s.Keyring == "pass" {
			return other, nil
		}
		return h.keyring, nil
	}
	items := map[helper.DoorItem]string{helper.DoorKeys: "the keys of seals and local tokens", helper.DoorCA: "the key of the CA"}
	for item, value := range items {
		if err := helper.New(own).PutDoorItem(t.Context(), item, secret.New(value)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, left, there int) {
		t.Helper()
		for item, want := range items {
			if value, err := helper.New(own).DoorItem(t.Context(), item); err != nil || value.Reveal() != want {
				t.Errorf("%s: %q is %q, %v", when, item, value.Reveal(), err)
			}
		}
		if len(h.keyring.items) != left || len(other.items) != there {
			t.Errorf("%s: %d left, %d there", when, len(h.keyring.items), len(other.items))
		}
	}
	wrong = keyring.ErrUnavailable
	if _, err := helper.New(own).MoveSecrets(t.Context(), "pass"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Fatal(err)
	}
	check("to one that fails", 3, 0)
	wrong = nil
	if _, err := helper.New(own).MoveSecrets(t.Context(), "pass"); err != nil {
		t.Fatal(err)
	}
	check("moved", 0, 3)
}
