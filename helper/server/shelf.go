package server

import (
	"context"
	"sync"
)

// Shelf is where this package keeps a text for later calls: sealed, for all processes of
// a home. It opens no files itself; the functions are given, and without them texts are
// kept in memory.
type Shelf struct {
	Read  func(name string) (text []byte, known bool)
	Write func(ctx context.Context, name string, text []byte, from, until int64) error // Unix seconds
	Lock  func(ctx context.Context, name string) (unlock func(), err error)            // of one name, for all processes
}

// shelf is a Shelf, or memory where there is none.
type shelf struct {
	given  Shelf
	locked sync.Mutex
	mu     sync.Mutex
	texts  map[string][]byte
}

func (s *shelf) read(name string) (text []byte, known bool) {
	if s.given.Read != nil {
		return s.given.Read(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, known = s.texts[name]
	return text, known
}

func (s *shelf) write(ctx context.Context, name string, text []byte, from, until int64) error {
	if s.given.Write != nil {
		return s.given.Write(ctx, name, text, from, until)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[string][]byte{}
	}
	s.texts[name] = text
	return nil
}

func (s *shelf) lock(ctx context.Context, name string) (unlock func(), err error) {
	if s.given.Lock != nil {
		return s.given.Lock(ctx, name)
	}
	s.locked.Lock()
	return s.locked.Unlock, nil
}
