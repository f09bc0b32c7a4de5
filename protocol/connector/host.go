package connector

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/stats"
)

// host is what the plugin knows about the program that started it. A connection is the
// best sign that it lives: only the host has the key for it, and the system closes it
// when the host dies, however that happens. A host without a connection is given some
// time to connect, or to reconnect (T20).
type host struct {
	lives func() bool

	mu          sync.Mutex
	connections int
	alone       time.Time // since when there is no connection
}

const (
	// aloneTime is how long a host may be without a connection, after the greeting or
	// before it reconnects. After that it is assumed to have lost track of us.
	aloneTime = 10 * time.Second
	// lookTime is the interval at which a host without a connection is checked. We must
	// not outlive a killed host by more than 2 s.
	lookTime = 200 * time.Millisecond
)

func newHost(lives func() bool) *host {
	if lives == nil {
		lives = func() bool { return true }
	}
	return &host{lives: lives, alone: time.Now()}
}

// wait returns when there is no host left to serve, or ctx is done.
func (h *host) wait(ctx context.Context) {
	tick := time.NewTicker(lookTime)
	defer tick.Stop()
	for !h.gone() {
		select {
		case <-ctx.Done():
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

// HandleConn implements stats.Handler: it counts connections.
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
