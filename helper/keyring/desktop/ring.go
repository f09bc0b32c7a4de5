package desktop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	library "github.com/99designs/keyring"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// ring implements our interface with a keyring of the library. It is wrapped with a
// deadline, so a call may be abandoned and block; mu is held only for opening.
type ring struct {
	title   string
	backend library.BackendType
	config  library.Config
	// ready, if set, returns an error if the library would prompt, wait or answer
	// nonsense. key is "" if the call has no key.
	ready func(ctx context.Context, use use, key string) error
	// around, if set, runs a writing call in the environment that it needs.
	around func(ctx context.Context, call func() error) error
	// replaced, if set, reports whether a call failed because another process replaced the
	// value in the middle of it, so that it has to be made again.
	replaced func(error) bool
	// names, if set, lists the keys instead of the library's own function.
	names func() ([]string, error)

	mu     sync.Mutex
	opened library.Keyring
}

// use is the kind of a call.
type use int

const (
	reading use = iota
	writing
	deleting
	listing
)

// call makes one call of the library, after all checks.
func (r *ring) call(ctx context.Context, what use, key string, do func(library.Keyring) error) error {
	if err := ctx.Err(); err != nil {
		return r.failed(err)
	}
	run := func() error {
		opened, err := r.open()
		if err != nil {
			return err
		}
		if r.ready != nil {
			if err := r.ready(ctx, what, key); err != nil {
				return err
			}
		}
		return do(opened)
	}
	if what == writing && r.around != nil {
		return r.failed(r.around(ctx, run))
	}
	err := run()
	for tries := 0; err != nil && r.replaced != nil && r.replaced(err) && tries < mostTries && ctx.Err() == nil; tries++ {
		err = run()
	}
	return r.failed(err)
}

// mostTries is how often a call may meet a value that is just being replaced.
const mostTries = 100

func (r *ring) open() (library.Keyring, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened == nil {
		opened, err := openLibrary(r.config, r.backend)
		if err != nil {
			return nil, err
		}
		r.opened = opened
	}
	return r.opened, nil
}

func (r *ring) Get(ctx context.Context, key string) (secret.Text, error) {
	if err := keyring.CheckKey(key); err != nil {
		return secret.Text{}, err
	}
	var item library.Item
	err := r.call(ctx, reading, key, func(opened library.Keyring) (err error) {
		item, err = opened.Get(key)
		return err
	})
	switch {
	case err != nil:
		return secret.Text{}, err
	case item.Key != key || len(item.Data) == 0:
		return secret.Text{}, &keyring.NamedError{Keyring: r.title, Err: fmt.Errorf("%w: what is stored under this key was not written by credhelper", keyring.ErrDamaged)}
	}
	return secret.New(string(item.Data)), nil
}

func (r *ring) Set(ctx context.Context, key string, value secret.Text) error {
	if err := keyring.CheckSet(key, value); err != nil {
		return err
	}
	return r.call(ctx, writing, key, func(opened library.Keyring) error {
		return opened.Set(library.Item{Key: key, Data: []byte(value.Reveal()), Label: key, Description: "credhelper"})
	})
}

func (r *ring) Delete(ctx context.Context, key string) error {
	if err := keyring.CheckKey(key); err != nil {
		return err
	}
	err := r.call(ctx, deleting, key, func(opened library.Keyring) error { return opened.Remove(key) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

func (r *ring) Names(ctx context.Context) ([]string, error) {
	var names []string
	err := r.call(ctx, listing, "", func(opened library.Keyring) (err error) {
		if r.names != nil {
			names, err = r.names()
		} else {
			names, err = opened.Keys()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return ownNames(names), nil
}

// ownNames are the names that may be keys of ours, each once and in order.
func ownNames(names []string) []string {
	names = slices.DeleteFunc(names, func(name string) bool { return !keyring.ValidKey(name) })
	slices.Sort(names)
	return slices.Compact(names)
}

// hasMeaning reports whether an error is one of ours, not of the library.
func hasMeaning(err error) bool {
	return errors.Is(err, keyring.ErrLocked) || errors.Is(err, keyring.ErrUnavailable) || errors.Is(err, keyring.ErrNotFound) ||
		errors.Is(err, keyring.ErrUnsafe) || errors.Is(err, keyring.ErrInvalid) || errors.Is(err, keyring.ErrDamaged)
}

// failed translates an error of the library. Its text may come from a daemon or from
// stored data.
func (r *ring) failed(err error) error {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case hasMeaning(err):
		return &keyring.NamedError{Keyring: r.title, Err: err}
	case errors.Is(err, library.ErrKeyNotFound):
		return &keyring.NamedError{Keyring: r.title, Err: keyring.ErrNotFound}
	case errors.As(err, &syntax), errors.As(err, &shape): // its text would quote what it read
		return &keyring.NamedError{Keyring: r.title, Err: fmt.Errorf("%w: what is stored was not written by credhelper", keyring.ErrDamaged)}
	}
	return &keyring.NamedError{Keyring: r.title, Err: fmt.Errorf("%w: %s", keyring.ErrUnavailable, printable.Value(err.Error()))}
}
