package helper

import (
	"context"
	"sync"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
)

// gathering lets one of many who miss the same profile's token at the same time go
// and find out. A thousand goroutines at a token's end would otherwise read settings,
// profile and preset a thousand times, only to learn in the end that they have to
// wait for one of them: with twenty such processes that took the machine for seconds,
// and the one that fetches missed the keyring's deadline.
type gathering struct {
	mu  sync.Mutex
	out map[string]chan struct{} // profile: closed when the one who went is back
}

// gather returns an answer that another goroutine brought. Without one the caller
// finds out itself, and calls end. Who has a token that is still good, while it is
// being renewed, does not wait.
func (h *Helper) gather(ctx context.Context, r protocol.Request) (c protocol.Credential, ok bool, end func()) {
	end = func() {}
	now := h.now()
	name := h.profileOf(r, now)
	if name == "" || r.Refresh || h.config.NoStore {
		return c, false, end
	}
	if e := recall(&h.memory, &h.memory.entries, name); e != nil && !r.Refuses(e.Token) && e.Usable(cache.Clock{Unix: now.Unix()}, r.MinTTL) {
		return c, false, end
	}
	g := &h.gathering
	g.mu.Lock()
	back := g.out[name]
	if back == nil {
		if g.out == nil {
			g.out = map[string]chan struct{}{}
		}
		back = make(chan struct{})
		g.out[name] = back
		g.mu.Unlock()
		return c, false, func() {
			g.mu.Lock()
			delete(g.out, name)
			g.mu.Unlock()
			close(back)
		}
	}
	g.mu.Unlock()
	wait, cancel := withReserve(ctx)
	defer cancel()
	select {
	case <-back:
	case <-wait.Done():
	}
	c, ok = h.Cached(r)
	return c, ok, end
}
