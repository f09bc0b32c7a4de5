package stored

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// CallTime is the time limit of each call of a keyring, including its opening.
const CallTime = 3 * time.Second

// Keyrings opens the keyring of a home when something is read from it or stored in it.
// Several goroutines may use one.
type Keyrings struct {
	Dirs     cache.Dirs
	Settings func() (config.Settings, error)
	// Opener opens the keyring that the settings name; nil: there is none.
	Opener func(context.Context, config.Settings) (keyring.Keyring, error)
	// RunsLong is for programs that open it anew each time: they must not keep it open
	// after credhelper lock or the expiry of an unlock, nor use one that is no longer in
	// the settings.
	RunsLong bool
	Explain  func(text string)

	mu   sync.Mutex
	open keyring.Keyring // after it was opened
}

// Open opens the keyring in the settings, once, within its time limit. Opening may hang
// if a desktop's bus is dead, whatever the context says.
func (ks *Keyrings) Open(ctx context.Context) (keyring.Keyring, error) {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if ks.open != nil {
		return ks.open, nil
	}
	settings, err := ks.Settings()
	if err != nil {
		return nil, err
	}
	k, err := ks.OpenOf(ctx, settings)
	if err == nil && !ks.RunsLong {
		ks.open = k
	}
	return k, err
}

// Close closes the keyring, which is opened again when needed.
func (ks *Keyrings) Close() {
	ks.mu.Lock()
	defer ks.mu.Unlock()
	ks.open = nil
}

// OpenOf opens the keyring in these settings.
func (ks *Keyrings) OpenOf(ctx context.Context, settings config.Settings) (keyring.Keyring, error) {
	if settings.Keyring == "" {
		return nil, &protocol.Error{Kind: protocol.ErrLocked, Text: "no keyring has been chosen yet",
			Hint: "choose one: credhelper keyring use file"}
	}
	if ks.Opener == nil {
		return nil, fmt.Errorf("%w: there is none here", keyring.ErrUnavailable)
	}
	ks.Explain("opens the keyring " + settings.Keyring)
	type opened struct {
		keyring keyring.Keyring
		err     error
	}
	done := make(chan opened, 1)
	limited, cancel := context.WithTimeout(ctx, CallTime)
	go func() {
		defer cancel()
		k, err := ks.Opener(limited, settings)
		done <- opened{k, err}
	}()
	<-limited.Done()
	select {
	case o := <-done: // it has ended, which also cancels
		if o.err != nil {
			return nil, o.err
		}
		return keyring.WithDeadline(o.keyring, CallTime), nil
	default:
		return nil, fmt.Errorf("%w: %s did not open within %v", keyring.ErrUnavailable, settings.Keyring, CallTime)
	}
}

// Get reads an item of the keyring in the settings. Errors are those of package keyring.
func (ks *Keyrings) Get(ctx context.Context, item string) (secret.Text, error) {
	k, err := ks.Open(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	return k.Get(ctx, ks.Key(item))
}

// Set stores an item. The keyring replaces it in one step, so a kill leaves the old or
// the new.
func (ks *Keyrings) Set(ctx context.Context, item string, value secret.Text) error {
	k, err := ks.Open(ctx)
	if err != nil {
		return err
	}
	return k.Set(ctx, ks.Key(item), value)
}

// Delete deletes items, up to one that cannot be deleted.
func (ks *Keyrings) Delete(ctx context.Context, items ...string) error {
	k, err := ks.Open(ctx)
	for _, item := range items {
		if err == nil {
			err = k.Delete(ctx, ks.Key(item))
		}
	}
	return err
}

// Key returns the key of an item, such as a profile's secret, in the keyring: a digest,
// so that no name from outside reaches a keyring (T18). A desktop keyring belongs to the
// user, not to the home: with CREDHELPER_HOME the digest includes the home, so that a
// test's "jama" does not overwrite the real secret.
func (ks *Keyrings) Key(item string) string {
	settings, _ := ks.Settings()
	return ks.KeyIn(settings.Keyring, item)
}

// KeyIn is Key for a backend, whatever the settings say.
func (ks *Keyrings) KeyIn(backendName, item string) string {
	fields := []string{item}
	if backend, _ := keyring.BackendNamed(backendName); backend.Desktop && ks.Dirs.Apart {
		fields = append(fields, ks.Dirs.Config)
	}
	return keyring.Prefix + cache.KeyOf("secret", fields...).String()
}
