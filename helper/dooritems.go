package helper

import (
	"context"
	"errors"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// A DoorItem is an item of the door in the keyring, beside the secrets of profiles.
type DoorItem string

// The items of the door. No profile has such a name, so no profile's secret is replaced.
const (
	DoorKeys DoorItem = "\x00door" // the keys of guests' seals and of local tokens
	DoorCA   DoorItem = "\x00door-ca"
)

// doorItems lists them.
var doorItems = []string{string(DoorKeys), string(DoorCA)}

// DoorItem returns an item of the door; zero if there is none. Errors wrap a sentinel of
// package protocol: a locked keyring is ErrLocked.
func (h *Helper) DoorItem(ctx context.Context, item DoorItem) (secret.Text, error) {
	value, err := h.keys.Get(ctx, string(item))
	if errors.Is(err, keyring.ErrNotFound) {
		return secret.Text{}, nil
	}
	return value, ofDoor(err)
}

// PutDoorItem stores an item of the door.
func (h *Helper) PutDoorItem(ctx context.Context, item DoorItem, value secret.Text) error {
	return ofDoor(h.keys.Set(ctx, string(item), value))
}

// DeleteDoorItems deletes them: no guest is known after that.
func (h *Helper) DeleteDoorItems(ctx context.Context) error {
	return ofDoor(h.keys.Delete(ctx, doorItems...))
}

// LockDoor lets one process at a time change the items of the door and its guests.
func (h *Helper) LockDoor(ctx context.Context) (unlock func(), err error) {
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return nil, failure.Store(err)
	}
	defer store.Close()
	lock, err := store.Lock(ctx, string(DoorKeys))
	if err != nil {
		if err = h.lockFailed("of the door", err); err != nil {
			return nil, err
		}
		return func() {}, nil // there are no locks here
	}
	return lock.Unlock, nil
}

// ofDoor explains an error of the keyring.
func ofDoor(err error) error {
	if err == nil {
		return nil
	}
	e := protocol.About("the keys of the door", err, "see what is wrong: credhelper doctor")
	e.Kind = failure.KindOf(err)
	if errors.Is(err, keyring.ErrUnlock) {
		e.Hint = "unlock it: credhelper unlock"
	}
	return e
}
