package helper

import (
	"context"
	"errors"
	"io/fs"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/server"
)

// openStore opens the cache of a home if it exists; else nil.
func openStore(dirs cache.Dirs) (*cache.Store, error) {
	store, err := cache.Open(dirs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure.Store(err)
	}
	return store, nil
}

// shelf returns where logins at secrets servers are kept: sealed in the cache. In a home
// without a cache nothing is kept yet.
func shelf(dirs cache.Dirs) server.Shelf {
	return server.Shelf{
		Read: func(name string) ([]byte, bool) {
			store, err := openStore(dirs)
			if err != nil || store == nil {
				return nil, false
			}
			defer store.Close()
			return store.Kept(name)
		},
		Write: func(ctx context.Context, name string, text []byte, from, until int64) error {
			store, err := openStore(dirs)
			if err != nil || store == nil {
				return err
			}
			defer store.Close()
			return store.Keep(ctx, name, text, from, until)
		},
		Lock: func(ctx context.Context, name string) (func(), error) {
			store, err := openStore(dirs)
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
