package pool

import (
	"context"
	"errors"
	"strings"
	"time"
)

// lead asks the server for all hosts, while the lease is renewed.
func (s *search) lead(ctx context.Context, l Lease, a Answer) (Token, error) {
	if t, found := s.former(ctx); found {
		_, _ = s.Store.GiveUp(ctx, s.name, l, nil, 0)
		return t, nil
	}
	if past, ok, _ := s.openMark(a.Past, a.Now); ok && s.want.Told != nil && s.concerns(past) {
		s.want.Told(past)
	}
	at, now := s.Now(), a.Now
	stop := s.renew(ctx, l)
	f, m, err := s.fetch(ctx)
	stop()
	ctx, cancel := resultContext(ctx)
	defer cancel()
	if err != nil {
		s.giveUp(ctx, l, now, s.Now().Sub(at), m)
		return Token{}, err
	}
	t := Token{Access: f.Access, Number: l.Number, By: s.Host, Asked: at, Rest: f.Life, Fetched: true}
	value, err := s.Keys.seal(s.name, content{kindEntry, l.Number, now, f.Life.Microseconds(), []string{f.Access.Reveal(), s.Host}})
	ours, began := false, s.Now()
	if err == nil {
		ours, err = s.Store.Put(ctx, s.name, l, value, f.Life+keepTime)
	}
	if err == nil && ours {
		s.note(ctx, now, "fetched", l.Number)
		return t, nil
	}
	t.Number, t.Unshared = 0, "another host took over while this one was stopped"
	if err != nil {
		t.Unshared = err.Error()
	}
	if err == nil || s.Now().Sub(began) > 2*putTime { // it was stopped before that, or then
		if newer, found := s.newer(ctx); found {
			return newer, nil
		}
	}
	return t, nil
}

// resultContext returns the context in which the store is told the result. If the caller
// has gone it is told all the same, because others wait for it; if not, the call ends in
// time for the caller's answer.
func resultContext(ctx context.Context) (context.Context, context.CancelFunc) {
	most := putTime
	if end, limited := ctx.Deadline(); limited && !errors.Is(ctx.Err(), context.Canceled) {
		most = min(most, max(time.Until(end), leastPut))
	}
	return context.WithTimeout(context.WithoutCancel(ctx), most)
}

// keepTime is how long a name is kept after its token has ended, so that numbers grow.
const keepTime = 48 * time.Hour

// renew renews a lease each second until the returned function is called.
func (s *search) renew(ctx context.Context, l Lease) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(LeaseTime / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_, _ = s.Store.Renew(ctx, s.name, l)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// giveUp lets another host lead, or holds all back. The others wait for that, and nobody
// for the log.
func (s *search) giveUp(ctx context.Context, l Lease, now int64, took time.Duration, m *Mark) {
	if m == nil {
		_, _ = s.Store.GiveUp(ctx, s.name, l, nil, 0)
		return
	}
	m.By = s.Host
	hold := time.Duration(m.Rest) * time.Second
	life := took + hold
	value, _ := s.Keys.seal(s.name, content{kindMark, l.Number, now, life.Microseconds(), m.fields()})
	_, _ = s.Store.GiveUp(ctx, s.name, l, value, hold)
	word := "failed: "
	if m.Refused {
		word = "refused: "
	}
	s.note(ctx, now, word+m.Reason, l.Number)
}

// newer looks for the token of another host, which took the place of this one.
func (s *search) newer(ctx context.Context) (Token, bool) {
	return s.look(context.WithoutCancel(ctx), s.Keys, putTime)
}

// former looks, while the key is changed, whether hosts with the earlier key have a token.
// A lease that waits for it does not end meanwhile.
func (s *search) former(ctx context.Context) (Token, bool) {
	if s.Former == nil {
		return Token{}, false
	}
	return s.look(ctx, s.Former, LeaseTime/2)
}

// look looks once, for at most that long, whether hosts with these keys have an answer.
func (s *search) look(ctx context.Context, keys *Keys, most time.Duration) (Token, bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	at, name := s.Now(), keys.name(s.want.Digest)
	a, err := s.Store.Ask(ctx, name, Question{Have: s.want.Have, Check: keys.Check()})
	if err != nil || !a.sane(Question{}) || a.Entry == nil {
		return Token{}, false
	}
	t, err := s.open(keys, name, a, at)
	return t, err == nil && t.Number > s.want.Have && t.Rest >= s.least(t) && !s.refuses(t)
}

// note appends a line to the pool's log, which may fail.
func (p *Pool) note(ctx context.Context, now int64, what string, number int64) {
	line, err := p.Keys.seal(notesName, content{kindNote, number, now, 0, []string{p.Host, what}})
	if err == nil {
		_ = p.Store.Note(ctx, line)
	}
}

// Health asks the store how it is, and whether this host may do there what it has to.
func (p *Pool) Health(ctx context.Context) (Health, error) {
	q := Question{Check: p.Keys.Check(), Latest: true}
	if p.Former != nil {
		q.Former = p.Former.Check()
	}
	if !p.Reader {
		q.Lease = randomWord()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return p.Store.Health(ctx, q)
}

// notesName is what notes are sealed for.
const notesName = "notes"

// Note is a line of the pool's log.
type Note struct {
	Time   time.Time // by the store's clock
	Host   string
	Text   string // what it did
	Number int64  // of the token
}

// Notes returns the last lines of the pool's log, the latest first. A line that does not
// open is left out.
func (p *Pool) Notes(ctx context.Context, most int) (list []Note, err error) {
	lines, err := p.Store.Notes(ctx, most)
	for _, line := range lines {
		v, err := p.Keys.open(notesName, kindNote, line)
		if err == nil && len(v.fields) == 2 {
			list = append(list, Note{time.UnixMicro(v.made).UTC(), v.fields[0], strings.TrimSpace(v.fields[1]), v.number})
		}
	}
	return list, err
}
