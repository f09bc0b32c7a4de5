package cache

import "context"

// A kept text is sealed like a token, under a name of its caller: the token of a secrets
// server, for which each process would otherwise log in. The front never reads one.

func keptFile(name string) string { return KeyOf("kept", name).file('v') }

// Kept returns a kept text; false if there is none that can be opened here.
func (s *Store) Kept(name string) ([]byte, bool) {
	f, err := s.unseal(keptFile(name))
	if err != nil || f.kind != kindKept {
		return nil, false
	}
	return f.text, true
}

// Keep seals a text that is of use from now until then, in Unix seconds. The caller holds
// its lock.
func (s *Store) Keep(ctx context.Context, name string, text []byte, from, until int64) error {
	key, home, err := s.dirs.sealingKey(ctx, &Entry{Issued: from, Expires: until})
	if err != nil {
		return err
	}
	defer wipe(key.key[:])
	return s.putSealed(&key, header{kind: kindKept, home: home, expires: until}, keptFile(name), text)
}

// LockKept waits for the lock of a kept text until the context ends, and then returns
// ErrLocked.
func (s *Store) LockKept(ctx context.Context, name string) (*Lock, error) {
	return s.dirs.lock(ctx, keptFile(name))
}
