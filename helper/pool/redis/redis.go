// Package redis keeps the tokens of a pool in Redis or Valkey.
package redis

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// Config is how a store is reached.
type Config struct {
	Pool     string      // the pool's name, with which all keys begin
	Address  *url.URL    // rediss://[USER@]HOST[:PORT][/DATABASE], or redis:// on loopback
	Password secret.Text // zero: none
	RootsPEM []byte      // the authorities to trust instead of the system's; nil: those
	Reader   bool        // it is asked without scripts, so that it may only read
}

// Open returns the store. It contacts nobody.
func Open(c Config) (pool.Store, error) {
	s := &store{Config: c, prefix: "credhelper:" + c.Pool + ":"}
	if c.Address.Scheme == "rediss" {
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.Address.Hostname()}
		if c.RootsPEM != nil {
			s.tls.RootCAs = x509.NewCertPool()
			if !s.tls.RootCAs.AppendCertsFromPEM(c.RootsPEM) {
				return pool.Store{}, errors.New("ca_file holds no certificate in PEM form")
			}
		}
	}
	ask := s.ask
	if c.Reader {
		ask = s.look
	}
	return pool.Store{Ask: ask, Renew: s.renew, Put: s.put, GiveUp: s.giveUp, Report: s.report,
		Note: s.note, Notes: s.notes, Health: s.health, Close: s.close}, nil
}

// store is one connection, which one goroutine at a time uses.
type store struct {
	Config
	prefix string
	tls    *tls.Config

	mu   sync.Mutex
	conn *conn // nil: it is not open
}

// The keys of a name. The braces keep them together where keys are spread over nodes.
func (s *store) key(name string) string      { return s.prefix + "{" + name + "}" }
func (s *store) reported(name string) string { return s.key(name) + ":reported" }
func (s *store) checks() string              { return s.prefix + "check" }
func (s *store) log() string                 { return s.prefix + "log" }

// with runs commands on the connection, which it opens if there is none, until the
// context ends.
func (s *store) with(ctx context.Context, run func(*conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return s.problem(ctx, err)
		}
	}
	release := s.limit(ctx)
	err := run(s.conn)
	release()
	if err == nil {
		return nil
	}
	if answer := refusal(""); s.conn != nil && (!errors.As(err, &answer) || strings.HasPrefix(string(answer), "LOADING")) {
		s.drop()
	}
	return s.problem(ctx, err)
}

// limit ends what waits for the connection when the context ends, until release is called.
func (s *store) limit(ctx context.Context) (release func()) {
	raw := s.conn.raw
	_ = raw.SetDeadline(time.Time{})
	if deadline, limited := ctx.Deadline(); limited {
		_ = raw.SetDeadline(deadline)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)); close(ended) })
	return func() {
		if !stop() {
			<-ended // otherwise it could end the next command
		}
	}
}

func (s *store) connect(ctx context.Context) (err error) {
	port := cmp.Or(s.Address.Port(), "6379")
	dialer := net.Dialer{KeepAlive: -1}
	raw, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(s.Address.Hostname(), port))
	if err != nil {
		return err
	}
	if s.tls != nil {
		secured := tls.Client(raw, s.tls)
		if err = secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return handshakeError(err)
		}
		raw = secured
	}
	s.conn = &conn{raw, bufio.NewReader(raw)}
	release := s.limit(ctx)
	err = s.introduce()
	if release(); err != nil {
		s.drop()
	}
	return err
}

// handshakeError says of a server that lets a handshake wait, or ends the connection, what
// that probably is: a Redis without TLS waits for the end of a line.
func handshakeError(err error) error {
	var late net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &pool.Error{Kind: pool.Silent, Text: "it does not answer as a port with TLS does", Hint: "does this port speak TLS? rediss:// needs one; redis://, without TLS, is for a loopback address only"}
	}
	return err
}

// introduce sends the password, and chooses the database.
func (s *store) introduce() error {
	if !s.Password.IsZero() {
		words := []any{s.Password.Reveal()}
		if user := s.Address.User.Username(); user != "" {
			words = []any{user, s.Password.Reveal()}
		}
		_, err := s.conn.do(append([]any{"AUTH"}, words...)...)
		if errors.As(err, new(refusal)) {
			return &passwordError{err}
		}
		if err != nil { // it is no Redis, or the connection broke
			return err
		}
	}
	if database := strings.Trim(s.Address.Path, "/"); database != "" {
		_, err := s.conn.do("SELECT", database)
		return err
	}
	return nil
}

// passwordError is an answer to AUTH, which may quote the user and is not shown.
type passwordError struct{ err error }

func (e *passwordError) Error() string { return "it refuses the password" }
func (e *passwordError) Unwrap() error { return e.err }

func (s *store) drop() {
	_ = s.conn.raw.Close()
	s.conn = nil
}

func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.drop()
	}
}

// problem says what an error means.
func (s *store) problem(ctx context.Context, err error) error {
	e := new(pool.Error)
	var answer refusal
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return &pool.Error{Kind: pool.Wrong, Text: "its certificate cannot be trusted: " + printable.Line(err.Error()), Hint: "ca_file of the pool names the authority to trust"}
	case errors.As(err, &record):
		return &pool.Error{Kind: pool.Wrong, Text: "it does not speak TLS", Hint: "rediss:// needs a port with TLS"}
	case errors.As(err, &answer):
		return meaning(oauth.Redact(string(answer), s.Password), errors.As(err, new(*passwordError)))
	case oauth.ConnectionRefused(err):
		return &pool.Error{Kind: pool.Down, Text: "it refuses connections", Hint: "is it up?"}
	case errors.As(err, new(*net.DNSError)) && ctx.Err() == nil:
		return &pool.Error{Kind: pool.Down, Text: "its name is not known: " + printable.Line(err.Error()), Hint: "store of the pool has its address"}
	case errors.Is(err, errProtocol):
		return &pool.Error{Kind: pool.Wrong, Text: err.Error(), Hint: "store of the pool has its address; a port with TLS needs rediss://"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &pool.Error{Kind: pool.Silent, Text: "it closed the connection"}
	}
	var late net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		return &pool.Error{Kind: pool.Silent, Text: "it does not answer in time", Hint: "is it up, and can this host reach it?"}
	}
	return &pool.Error{Kind: pool.Silent, Text: printable.Line(err.Error())}
}

// meanings are the words with which Redis begins its refusals.
var meanings = [...]struct {
	word string
	kind pool.Kind
	text string
	hint string
}{
	{"WRONGPASS", pool.Wrong, "it refuses the password", "auth of the pool is where the password comes from; a user is in the address: rediss://USER@HOST"},
	{"NOAUTH", pool.Wrong, "it wants a password", "auth of the pool is where the password comes from"},
	{"NOPERM", pool.Wrong, "its access list does not allow it", "credhelper help pool shows the access list for keepers and for readers"},
	{"MOVED", pool.Wrong, "cluster mode is not supported", "use a server of its own"},
	{"CROSSSLOT", pool.Wrong, "cluster mode is not supported", "use a server of its own"},
	{"CLUSTERDOWN", pool.Wrong, "cluster mode is not supported", "use a server of its own"},
	{"READONLY", pool.Down, "it is a replica that cannot be written", "name the server that can be, or wait for its failover"},
	{"NOREPLICAS", pool.Down, "it cannot be written: too few replicas", "see its log"},
	{"MISCONF", pool.Down, "it cannot be written: its snapshots fail", "see its log"},
	{"OOM", pool.Down, "its memory is full", "give it more, or a pool a server of its own"},
	{"max number of clients", pool.Silent, "it has as many clients as it takes", "see its maxclients"}, // said to the first command
	{"DENIED", pool.Wrong, "its protected mode lets in this machine only", "give it a password, and its host an address to listen at: requirepass, bind"},
	{"LOADING", pool.Silent, "it is still loading", ""},
	{"BUSY", pool.Silent, "it is busy with a script", ""},
	{"MASTERDOWN", pool.Down, "its primary is down", ""},
}

func meaning(answer string, toPassword bool) error {
	word, _, _ := strings.Cut(answer, " ")
	for _, m := range meanings {
		// A script's error begins with its own word and contains the other one.
		if word == m.word || word == "ERR" && strings.Contains(answer, m.word+" ") {
			return &pool.Error{Kind: m.kind, Text: m.text, Hint: m.hint}
		}
	}
	if strings.Contains(answer, "unauthenticated") { // to what is longer than a password
		return meaning("NOAUTH", false)
	}
	if toPassword { // such as "ERR AUTH called without any password configured"
		return &pool.Error{Kind: pool.Wrong, Text: "it refuses the password", Hint: "does the server have one? auth of the pool is where it comes from"}
	}
	if strings.Contains(answer, "can't run this command or subcommand") || strings.Contains(answer, "No permissions") {
		return meaning("NOPERM", false)
	}
	return &pool.Error{Kind: pool.Wrong, Text: "it says: " + printable.Value(answer)}
}

func (s *store) ask(ctx context.Context, name string, q pool.Question) (a pool.Answer, err error) {
	err = s.with(ctx, func(c *conn) error {
		answer, err := texts(askScript().run(c, s.key(name), s.checks(), s.reported(name),
			q.Have, q.Lease, q.SkipEntry, q.SkipMark, q.Check, q.Former))
		if err == nil && len(answer) < 2 {
			err = errProtocol
		}
		if err != nil {
			return err
		}
		return take(answer, q, &a)
	})
	return a, err
}

// take reads the answer of the script.
func take(answer [][]byte, q pool.Question, a *pool.Answer) error {
	kind := string(answer[0])
	switch kind {
	case "key":
		return pool.WrongKey(q.Check, string(answer[1]))
	case "version":
		return pool.WrongVersion(string(answer[1]))
	}
	a.Now = number(answer[1])
	switch {
	case kind == "held":
		a.Held = true
	case kind == "lease" && len(answer) > 3:
		a.Lease, a.Past = number(answer[2]), answer[3]
	case kind == "mark" && len(answer) > 3:
		a.Until, a.Mark = number(answer[2]), answer[3]
	case kind == "entry" && len(answer) > 4:
		a.Number, a.Entry, a.Reported = number(answer[2]), answer[3], number(answer[4])
	}
	return nil
}

// number parses what may be anything; then it is 0.
func number(b []byte) int64 {
	n, _ := strconv.ParseInt(string(b), 10, 64)
	return n
}

// look is ask for a reader, without a script: the access list gives it only what reads.
func (s *store) look(ctx context.Context, name string, q pool.Question) (a pool.Answer, err error) {
	err = s.with(ctx, func(c *conn) error {
		for _, words := range [...][]any{
			{"HGETALL", s.checks()},
			{"HMGET", s.key(name), "entry", "number", "mark", "until", "lease", "ends", "seen"},
			{"TIME"}, // after the token was read, so that no token counts as younger than it is
		} {
			if err := c.send(words...); err != nil {
				return err
			}
		}
		checks, errChecks := texts(c.receive())
		f, errFields := texts(c.receive())
		now, errTime := texts(c.receive())
		if err := cmp.Or(errChecks, errFields, errTime); err != nil {
			return err
		}
		if len(checks)%2 != 0 || len(f) != 7 || len(now) != 2 {
			return errProtocol
		}
		stored := map[string]string{}
		for i := 0; i < len(checks); i += 2 {
			stored[string(checks[i])] = string(checks[i+1])
		}
		if _, err := q.Checked(stored); err != nil {
			return err
		}
		a = choose(f, number(now[0])*1e6+number(now[1]), q)
		return nil
	})
	return a, err
}

// choose chooses an answer from the fields of a name, as the script does.
func choose(f [][]byte, now int64, q pool.Question) pool.Answer {
	a := pool.Answer{Now: now}
	if seen := number(f[6]); now < seen-2e6 { // the clock went back: nobody knows how old it is
		return a
	}
	switch ends := number(f[5]); {
	case f[0] != nil && number(f[1]) > q.Have && number(f[1]) != q.SkipEntry:
		a.Entry, a.Number = f[0], number(f[1])
	case f[2] != nil && number(f[3]) > now && number(f[3]) != q.SkipMark:
		a.Mark, a.Until = f[2], number(f[3])
	default:
		a.Held = f[4] != nil && ends > now && ends <= now+pool.LeaseTime.Microseconds()
	}
	return a
}

func (s *store) renew(ctx context.Context, name string, l pool.Lease) (ours bool, err error) {
	return s.step(ctx, renewScript(), s.key(name), l.Word)
}

func (s *store) put(ctx context.Context, name string, l pool.Lease, sealed []byte, keep time.Duration) (ours bool, err error) {
	return s.step(ctx, putScript(), s.key(name), s.reported(name), l.Word, l.Number, sealed, keep.Milliseconds())
}

func (s *store) giveUp(ctx context.Context, name string, l pool.Lease, mark []byte, hold time.Duration) (ours bool, err error) {
	return s.step(ctx, giveUpScript(), s.key(name), l.Word, mark, hold.Microseconds())
}

// step runs a script that answers whether the lease was still ours.
func (s *store) step(ctx context.Context, step script, words ...any) (ours bool, err error) {
	err = s.with(ctx, func(c *conn) error {
		n, err := step.run(c, words...)
		ours = n == int64(1)
		return err
	})
	return ours, err
}

// reportTime is how long a report lies there for the keepers.
const reportTime = 15 * time.Minute

func (s *store) report(ctx context.Context, name string, number int64) error {
	return s.with(ctx, func(c *conn) error {
		_, err := c.do("SET", s.reported(name), number, "PX", reportTime.Milliseconds())
		return err
	})
}

// mostNotes is the length of the log.
const mostNotes = 1000

func (s *store) note(ctx context.Context, line []byte) error {
	return s.with(ctx, func(c *conn) error {
		if _, err := c.do("LPUSH", s.log(), line); err != nil {
			return err
		}
		_, err := c.do("LTRIM", s.log(), 0, mostNotes-1)
		return err
	})
}

func (s *store) notes(ctx context.Context, most int) (lines [][]byte, err error) {
	err = s.with(ctx, func(c *conn) error {
		lines, err = texts(c.do("LRANGE", s.log(), 0, most-1))
		return err
	})
	return lines, err
}
