package redis

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/printable"
)

// health tries each command that a host needs, on names that no token has, so that an
// access list which forgets one is noticed before a token is lost by it.
func (s *store) health(ctx context.Context, q pool.Question) (h pool.Health, err error) {
	const probe = "doctor"
	if s.Reader {
		a, err := s.look(ctx, probe, q)
		if h.Now = a.Now; err == nil {
			err = s.tryReporting(ctx, probe)
		}
		return h, err
	}
	name := probe + "-" + q.Lease // so that two hosts can try at once
	a, err := s.ask(ctx, name, q)
	if h.Now = a.Now; err == nil {
		err = s.tryLeading(ctx, name, pool.Lease{Word: q.Lease, Number: a.Lease}, q)
	}
	left := s.with(ctx, func(c *conn) error {
		_, err := c.do("DEL", s.key(name))
		return err
	})
	if err == nil {
		_, err = s.look(ctx, probe, q) // the script does not compare q.Latest
	}
	if err = cmp.Or(err, left); err != nil {
		return h, err
	}
	h.Evicts, err = s.policy(ctx)
	if err != nil {
		h.Warning = "whether it evicts tokens is not known: its access list does not allow INFO"
	}
	return h, nil
}

// tryLeading does what a leader does.
func (s *store) tryLeading(ctx context.Context, name string, l pool.Lease, q pool.Question) error {
	_, renewing := s.renew(ctx, name, l)
	_, putting := s.put(ctx, name, l, []byte("doctor"), time.Second)
	_, asking := s.ask(ctx, name, q)
	_, givingUp := s.giveUp(ctx, name, l, nil, 0)
	if err := cmp.Or(renewing, putting, asking, givingUp); err != nil {
		return err
	}
	return s.with(ctx, func(c *conn) error {
		for _, words := range [...][]any{
			{"LPUSH", s.key(name) + ":log", "doctor"}, {"LTRIM", s.key(name) + ":log", 1, 0}, {"LRANGE", s.log(), 0, 0},
		} {
			if _, err := c.do(words...); err != nil {
				return err
			}
		}
		return nil
	})
}

// tryReporting does what a reader does beside looking.
func (s *store) tryReporting(ctx context.Context, name string) error {
	return s.with(ctx, func(c *conn) error {
		_, err := c.do("SET", s.reported(name), 0, "PX", 1)
		if err == nil {
			_, err = c.do("LRANGE", s.log(), 0, 0)
		}
		return err
	})
}

// policy returns how the server drops what it was not told to drop.
func (s *store) policy(ctx context.Context) (policy string, err error) {
	var answer any
	err = s.with(ctx, func(c *conn) error {
		answer, err = c.do("INFO", "memory")
		return err
	})
	text, _ := answer.([]byte)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok {
			policy = printable.Value(value)
		}
	}
	return policy, err
}
