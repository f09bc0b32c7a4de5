package server

import (
	"context"
	"sync"

	"github.com/credhelper/credhelper/helper/cache"
)

// shelf keeps a text for later calls: sealed in the cache, for all processes of a home, or
// in memory where there is none.
type shelf struct {
	open   func() (*cache.Store, error) // nil without an error: there is no cache
	locked sync.Mutex
	mu     sync.Mutex
	texts  map[string][]byte
}

func (s *shelf) read(name string) (text []byte, known bool) {
	store, err := s.open()
	if err != nil {
		return nil, false
	}
	if store != nil {
		defer store.Close()
		return store.Kept(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, known = s.texts[name]
	return text, known
}

// write keeps a text that is of use from now until then, in Unix seconds.
func (s *shelf) write(ctx context.Context, name string, text []byte, from, until int64) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	if store != nil {
		defer store.Close()
		return store.Keep(ctx, name, text, from, until)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string][]byte{}
	}
	s.texts[name] = text
	return nil
}

// lock takes the lock of one name.
func (s *shelf) lock(ctx context.Context, name string) (unlock func(), err error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	if store != nil {
		defer store.Close()
		lock, err := store.LockKept(ctx, name)
		return lock.Unlock, err
	}
	s.locked.Lock()
	return s.locked.Unlock, nil
}
