package pools

import (
	"context"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/printable"
)

// State is how a pool stands: its store was asked.
type State struct {
	Check string        // check value of the key
	Took  time.Duration // until the store had answered everything
	Clock time.Duration // the store's less ours
	pool.Health
}

// State asks the store of a pool how it is, and whether this host may do there what it
// has to. Its errors wrap a sentinel of package protocol.
func (ps *Pools) State(ctx context.Context, c config.Pool) (s State, err error) {
	p, err := ps.open(ctx, c)
	if err != nil {
		return s, err
	}
	defer p.Store.Close()
	s.Check = p.Keys.Check()
	began := ps.config.Now()
	s.Health, err = p.Health(ctx)
	if s.Took = ps.config.Now().Sub(began); err != nil {
		return s, failed("pool "+c.Name+": ", err)
	}
	if _, lost := p.Memory.Read(); lost { // the next call tries it
		p.Memory.Clear()
	}
	s.Clock = time.UnixMicro(s.Now).Sub(ps.config.Now())
	return s, nil
}

// Has asks a profile's pool for the token that is there, and returns the host that fetched
// it. It waits for none and asks no server; "" without an error: a keeper has to ask.
func (ps *Pools) Has(ctx context.Context, profile *config.Profile) (by string, err error) {
	p, err := ps.open(ctx, profile.Pool)
	if err != nil {
		return "", err
	}
	defer p.Store.Close()
	p.Memory.Read = func() (l pool.Loss, known bool) { return } // it is tried now
	t, err := p.Obtain(ctx, pool.Want{Digest: profile.PoolDigest(), AtHand: true, Secret: func() (s uint16, known bool) { return }})
	switch {
	case err == nil:
		return printable.Value(t.By), nil
	case !errors.Is(err, pool.ErrSlow):
	case profile.Pool.Reader:
		err = new(pool.NoKeeper)
	default:
		return "", nil
	}
	return "", ps.refusal(Call{Profile: profile}, err)
}

// Log returns the last lines of a pool's log, the latest first.
func (ps *Pools) Log(ctx context.Context, c config.Pool, most int) ([]pool.Note, error) {
	p, err := ps.open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer p.Store.Close()
	list, err := p.Notes(ctx, most)
	if err != nil {
		return nil, failed("pool "+c.Name+": ", err)
	}
	return list, nil
}

// Loss returns since when this host has done without a pool's store; false if it was not
// lost when it was last asked.
func (ps *Pools) Loss(name string) (pool.Loss, bool) { return ps.memory(name).Read() }
