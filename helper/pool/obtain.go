package pool

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol/retryafter"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Pool is a pool as one host uses it. Several goroutines may use it.
type Pool struct {
	Store  Store
	Keys   *Keys
	Former *Keys // during a change of the key, the one before it; usually nil
	Reader bool  // this host never asks a server
	Alone  bool  // without the store this host asks for itself
	Host   string

	Now    func() time.Time
	Memory Memory
}

// Memory is where a host remembers that the store was lost, so that not every call waits
// for it.
type Memory struct {
	Read  func() (Loss, bool)
	Write func(Loss)
	Clear func()
}

// Loss is a store that was lost.
type Loss struct {
	Since int64  // Unix seconds
	Until int64  // until when it is not tried again; 0: it is tried by the next call
	Count uint16 // how often it was tried in vain
	Text  string
}

// Want is what a host wants from its pool.
type Want struct {
	Digest  [32]byte    // of all that distinguishes tokens, and nothing that differs between hosts
	Have    int64       // number of the token that the host has, also of a refused one; 0: none
	Refused secret.Text // a token that is no answer, whatever its number is
	Report  bool        // an API refuses the token of number Have
	Least   time.Duration

	// AtHand says that the host has a token that is still good. It does not wait then, and
	// before AloneFrom it does not ask for itself.
	AtHand    bool
	AloneFrom time.Time
	// Anyway says that a person asks, who does not wait because a server asked to, or
	// because the store was lost.
	Anyway bool
	// Tested says that the server has just accepted the secret: no refusal counts.
	Tested bool

	// Time is how long waiting and fetching may take together.
	Time time.Duration
	// Secret returns the mark of the secret of this host; false if it cannot be read.
	Secret func() (uint16, bool)
	// Told gets, before Fetch, what the server has last told a host since it gave a token,
	// also if that is over: to wait, or about this host's secret. May be nil.
	Told func(Mark)
	// Fetch asks the server. A failure that is of interest for all hosts has a mark, and
	// its duration.
	Fetch func(context.Context) (Fetched, *Mark, error)
}

// Fetched is a token that the server gave to this host, and for how long.
type Fetched struct {
	Access secret.Text
	Life   time.Duration
}

// Token is a token of the pool.
type Token struct {
	Access    secret.Text
	Number    int64 // 0: this host fetched it for itself
	By        string
	Asked     time.Time     // by this host's clock; Age and Rest are those at that time
	Age, Rest time.Duration // since it was asked for, and until its end

	Fetched  bool   // by this host
	Unshared string // why this host asked for itself; also if it did so in vain
}

// Hold is the failure of a host that asked no server, because the server has refused
// another host, or told it to wait.
type Hold struct{ Mark Mark }

func (e *Hold) Error() string { return e.Mark.Reason }

// StoreLost is the failure of a host that needs the store, which is lost.
type StoreLost struct{ Loss Loss }

func (e *StoreLost) Error() string { return e.Loss.Text }

// NoKeeper is the failure of a reader: there is no token, and nobody asks for one.
type NoKeeper struct{ Last string } // the host that did; "" if it is not known

func (e *NoKeeper) Error() string { return "no host asks for a token" }

// ErrSlow is the failure of a host that has waited for another one in vain. That one may be
// gone, and no time be left to ask the server.
var ErrSlow = errors.New("no other host got a token in time")

const (
	// patience is after how long a store that does not answer is lost. With 300 ms, a
	// thousand of 5,000 hosts that started together took it for lost, and asked the server.
	patience = 4 * time.Second
	// leastTime is what a request to the server needs.
	leastTime = 1500 * time.Millisecond
	// keeperTime is how long a reader waits for a keeper if none is asking.
	keeperTime = 2 * time.Second
	// reserve is the time left to answer when waiting ends.
	reserve = 500 * time.Millisecond
	// putTime is how long an answer waits for the store to take the token, and leastPut is
	// that if its time is over.
	putTime  = time.Second
	leastPut = 200 * time.Millisecond
	// mostSkipped is how many values are skipped that are no answer: one who writes to the
	// store could make others all the time.
	mostSkipped = 20
)

// Obtain returns a token that is newer than the one that the host has: of another host,
// or of this one, which then asks for all.
func (p *Pool) Obtain(ctx context.Context, w Want) (Token, error) {
	s := &search{Pool: p, want: w, began: p.Now(), name: p.Keys.name(w.Digest), needs: min(leastTime, w.Time/2)}
	if end, limited := ctx.Deadline(); limited && !w.AtHand { // with a token at hand it may be in vain
		s.want.Time = min(w.Time, time.Until(end))
	}
	loss, known := p.Memory.Read()
	// The clock may have been set back since.
	if wait := loss.Until - p.Now().Unix(); known && wait > 0 && wait <= int64(lastLoss/time.Second) && !w.Anyway {
		return s.alone(ctx, loss)
	}
	t, err := s.run(ctx)
	failed := new(Error)
	switch ofStore := errors.As(err, &failed); {
	case ofStore && failed.Kind != Wrong:
		return s.alone(ctx, s.remember(failed))
	case !ofStore && known:
		p.Memory.Clear()
	}
	return t, err
}

// search is one call of Obtain.
type search struct {
	*Pool
	want  Want
	name  string
	began time.Time
	needs time.Duration // what a request to the server needs: half of a person's time, if that is short
	last  string        // the host that made the token that is over

	reported bool
}

// left is how much of the call's time is left.
func (s *search) left() time.Duration { return s.want.Time - s.Now().Sub(s.began) }

func (s *search) run(ctx context.Context) (Token, error) {
	q := Question{Have: s.want.Have, Check: s.Keys.Check()}
	if s.Former != nil {
		q.Former = s.Former.Check()
	}
	word := ""
	if !s.Reader {
		word = randomWord()
	}
	if s.want.Report {
		s.report(ctx, s.want.Have)
	}
	for turn, skipped := 0, 0; ; {
		if q.Lease = word; s.left() <= s.needs {
			q.Lease = ""
		}
		at := s.Now()
		a, err := s.ask(ctx, q)
		switch {
		case err != nil:
			return Token{}, err
		case !a.sane(q) || skipped > mostSkipped:
			return Token{}, &Error{Kind: Down, Text: "what it answers makes no sense", Hint: "who else writes to it? what is its time?"}
		case a.Entry != nil:
			t, again, err := s.entry(a, at, &q)
			if !again {
				return t, err
			}
			if s.refuses(t) {
				s.report(ctx, t.Number)
			}
			skipped++
			continue
		case a.Mark != nil:
			if err := s.mark(a); err != nil {
				return Token{}, err
			}
			q.SkipMark = a.Until
			skipped++
			continue
		case a.Lease != 0:
			return s.lead(ctx, Lease{word, a.Lease}, a)
		case s.Reader && turn == 0 && s.Former != nil: // a keeper looks there when it leads
			if t, found := s.former(ctx); found {
				return t, nil
			}
			turn++
			continue
		case s.want.AtHand:
			return Token{}, ErrSlow
		case s.Reader && !a.Held && s.Now().Sub(s.began) > keeperTime:
			return Token{}, &NoKeeper{s.last}
		}
		if !pause(ctx, turn) {
			return Token{}, ErrSlow
		}
		turn++
	}
}

// report is what a reader does about a refused token, once.
func (s *search) report(ctx context.Context, number int64) {
	if s.Reader && !s.reported && number > 0 {
		s.reported = true
		ctx, cancel := context.WithTimeout(ctx, putTime)
		defer cancel()
		_ = s.Store.Report(ctx, s.name, number)
	}
}

// ask asks the store until it answers, or has been silent for too long.
func (s *search) ask(ctx context.Context, q Question) (Answer, error) {
	most := patience
	if s.Alone && !s.Reader { // there has to be time to ask the server
		most = max(min(most, s.left()-s.needs), reserve)
	}
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	reason := &Error{Kind: Silent, Text: "it does not answer", Hint: "is it up, and can this host reach it?"}
	for turn := 0; ; turn++ { // more and more slowly, because all hosts ask a store in trouble
		a, err := s.Store.Ask(limited, s.name, q)
		if err == nil {
			return a, nil
		}
		wait := 100 * time.Millisecond << min(turn, 2)
		if e := new(Error); errors.As(err, &e) && limited.Err() == nil {
			if reason = e; e.Kind != Silent || e.After >= most {
				return a, e
			}
			wait = max(wait, (e.After+time.Millisecond)*4/3) // sleep may take a quarter less
		}
		if !sleep(limited, wait) {
			return a, reason
		}
	}
}

// sane reports whether a store's time and the number of a lease can be true. What does not
// fit would make a token live longer, or be newer than all that come after it.
func (a Answer) sane(q Question) bool {
	const year = 366 * 24 * 3600 * 1_000_000
	return a.Now > 0 && a.Now <= latest && (a.Lease == 0 || q.Have < a.Lease && a.Lease <= max(a.Now+year, q.Have)+1)
}

// entry opens the store's entry. If that is no answer, q becomes a question for another one.
func (s *search) entry(a Answer, at time.Time, q *Question) (t Token, again bool, err error) {
	t, err = s.open(s.Keys, s.name, a, at)
	switch {
	case errors.Is(err, errNotOurs), err == nil && t.Number <= q.Have: // damaged, or planted
		q.SkipEntry = a.Number
		return Token{}, true, nil
	case err != nil:
		return Token{}, false, err
	case t.Rest < s.least(t), s.refuses(t), !s.Reader && a.Reported == t.Number && t.Age >= cache.Margin(t.Age+t.Rest):
		s.last = t.By
		q.Have = t.Number
		return t, true, nil
	}
	return t, false, nil
}

func (s *search) refuses(t Token) bool {
	return !s.want.Refused.IsZero() && t.Access.Equal(s.want.Refused)
}

// open opens an entry of the store.
func (p *Pool) open(keys *Keys, name string, a Answer, at time.Time) (Token, error) {
	v, err := keys.open(name, kindEntry, a.Entry)
	if err != nil {
		return Token{}, err
	}
	if len(v.fields) != 2 || a.Now < v.made || !secret.ValidToken(v.fields[0], true) {
		return Token{}, errNotOurs
	}
	age := micros(a.Now - v.made + 1) // both were rounded down
	return Token{Access: secret.New(v.fields[0]), Number: v.number, By: v.fields[1],
		Asked: at, Age: age, Rest: micros(v.life) - age}, nil
}

// mark opens a mark. It returns a Hold if it holds for this host, and nil if it is as
// if it were not there.
func (s *search) mark(a Answer) error {
	m, ok, err := s.openMark(a.Mark, a.Now)
	if ok && m.Rest > 0 && s.heeds(m) {
		return &Hold{m}
	}
	return err
}

// openMark opens a mark, which may be over. One that is not ours is as if it were not
// there; the error says that a newer release made it.
func (s *search) openMark(sealed []byte, now int64) (m Mark, ok bool, err error) {
	v, err := s.Keys.open(s.name, kindMark, sealed)
	if errors.Is(err, errNotOurs) {
		return m, false, nil
	}
	m, ok = readMark(v.fields)
	m.Age, m.Rest = (now-v.made)/1e6, (v.made+v.life-now+1e6-1)/1e6
	return m, ok && now >= v.made, err
}

// heeds reports whether a mark holds for this host.
func (s *search) heeds(m Mark) bool {
	if !m.Refused || s.want.Tested {
		return !s.want.Anyway
	}
	return s.Reader || s.concerns(m)
}

// concerns reports whether a mark is about this host's secret; a wait is for all.
func (s *search) concerns(m Mark) bool {
	if !m.Refused {
		return true
	}
	secret, known := s.want.Secret()
	return !known || secret == m.Secret
}

// least returns how long a token must still live to be an answer.
func (s *search) least(t Token) time.Duration {
	life := t.Age + t.Rest
	return max(cache.LeastLeft(life), min(s.want.Least, life*9/10))
}

// AloneFrom returns when a host with a token at hand asks for itself, if the store is
// lost: not within the first fifth of the margin, in which most stores come back, and
// then at a time of its own, so that not all hosts ask together. own is any number that
// differs between hosts.
func AloneFrom(expires time.Time, life time.Duration, own uint32) time.Time {
	from := cache.Margin(life) * 4 / 5
	spread := max(0, from-cache.LeastLeft(life))
	return expires.Add(-from + time.Duration(float64(spread)*float64(own)/(1<<32)))
}

// alone is what a host does without the store.
func (s *search) alone(ctx context.Context, loss Loss) (Token, error) {
	early := s.want.AtHand && s.Now().Before(s.want.AloneFrom)
	if s.Reader || !s.Alone || early || s.left() <= s.needs || ctx.Err() != nil {
		return Token{}, &StoreLost{loss}
	}
	at := s.Now()
	f, _, err := s.fetch(ctx)
	if err != nil {
		return Token{Unshared: loss.Text}, err
	}
	return Token{Access: f.Access, By: s.Host, Asked: at, Rest: f.Life, Fetched: true, Unshared: loss.Text}, nil
}

// fetch asks the server in the time that is left.
func (s *search) fetch(ctx context.Context) (Fetched, *Mark, error) {
	ctx, cancel := context.WithTimeout(ctx, s.left())
	defer cancel()
	return s.want.Fetch(ctx)
}

// The time for which a lost store is not tried again grows from the first to the last of
// these.
const (
	firstLoss = 10 * time.Second
	lastLoss  = 30 * time.Second
)

// remember notes that the store is lost. A host that has a good token does not decide
// that: the loss has no end then.
func (s *search) remember(e *Error) Loss {
	now := s.Now().Unix()
	loss, known := s.Memory.Read()
	if !known || now-loss.Until > int64(time.Hour/time.Second) || loss.Since > now {
		loss = Loss{Since: now}
	}
	loss.Count, loss.Text = min(loss.Count+1, 100), e.Text
	if loss.Until = 0; s.want.AtHand {
		return loss
	}
	loss.Until = now + int64(min(firstLoss*time.Duration(loss.Count), lastLoss)/time.Second)
	s.Memory.Write(loss)
	return loss
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func randomWord() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// pause waits before the store is asked again, for longer each time; false if there is
// only time left to answer.
func pause(ctx context.Context, turn int) bool {
	wait := min(50*time.Millisecond<<min(turn, 4), 500*time.Millisecond)
	if deadline, limited := ctx.Deadline(); limited {
		early, cancel := context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
		ctx = early
	}
	return sleep(ctx, wait)
}

// sleep waits for d, give or take a quarter, so that hosts that asked together do not ask
// together again. It returns false if the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	var b [1]byte
	_, _ = rand.Read(b[:])
	return retryafter.Wait(ctx, d*3/4+d/2*time.Duration(b[0])/256) == nil && ctx.Err() == nil
}
