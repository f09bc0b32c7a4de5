package connector

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/stats"
)

// host is what the serving end knows of the program that started it. A connection
// is the best sign of life: only the host has the key for it, and the system
// closes it when the host dies, however that happens. A host without one is given
// time to come, or to come back (T20).
type host struct {
	lives func() bool

	mu          sync.Mutex
	connections int
	alone       time.Time // since when there is no connection
}

const (
	// aloneTime is how long a host may be without a connection: it has just been
	// greeted, or connects once more. One that has forgotten us will not come.
	aloneTime = 10 * time.Second
	// lookTime is how often a host without a connection is looked at. One that was
	// killed must not leave us behind for more than 2 s.
	lookTime = 200 * time.Millisecond
)

func newHost(lives func() bool) *host {
	if lives == nil {
		lives = func() bool { return true }
	}
	return &host{lives: lives, alone: time.Now()}
}

// wait returns when there is nobody to serve any more.
func (h *host) wait(ctx context.Context, served <-chan struct{}) {
	tick := time.NewTicker(lookTime)
	defer tick.Stop()
	for !h.gone() {
		select {
		case <-ctx.Done():
			return
		case <-served:
			return
		case <-tick.C:
		}
	}
}

func (h *host) gone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections == 0 && (time.Since(h.alone) > aloneTime || !h.lives())
}

// HandleConn implements stats.Handler: connections come and go.
func (h *host) HandleConn(_ context.Context, s stats.ConnStats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch s.(type) {
	case *stats.ConnBegin:
		h.connections++
	case *stats.ConnEnd:
		h.connections--
		h.alone = time.Now()
	}
}

// TagConn implements stats.Handler.
func (h *host) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC implements stats.Handler.
func (h *host) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (h *host) HandleRPC(context.Context, stats.RPCStats) {}
