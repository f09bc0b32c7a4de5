package helper

import (
	"context"

	"github.com/credhelper/credhelper/helper/server"
)

// shelf returns where logins at secrets servers are kept: sealed in the cache, and in
// memory with NoStore. In a home without a cache nothing is kept yet.
func (h *Helper) shelf() server.Shelf {
	if h.config.NoStore {
		return server.Shelf{}
	}
	return server.Shelf{
		Read: func(name string) ([]byte, bool) {
			store, err := h.cacheStore()
			if err != nil || store == nil {
				return nil, false
			}
			defer store.Close()
			return store.Kept(name)
		},
		Write: func(ctx context.Context, name string, text []byte, from, until int64) error {
			store, err := h.cacheStore()
			if err != nil || store == nil {
				return err
			}
			defer store.Close()
			return store.Keep(ctx, name, text, from, until)
		},
		Lock: func(ctx context.Context, name string) (func(), error) {
			store, err := h.cacheStore()
			if err != nil || store == nil {
				return func() {}, err
			}
			defer store.Close()
			lock, err := store.LockKept(ctx, name)
			if err != nil {
				return nil, err
			}
			return func() { lock.Unlock() }, nil
		},
	}
}
