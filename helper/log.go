package helper

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/logfile/logread"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// The events of requests; those of changes name the change.
const (
	eventFetch   = "fetch" // the server issued a token
	eventHit     = logfile.Hit
	eventRefused = "refused" // the server refused permanently
	eventFailed  = "failed"  // any other failure

	eventPool = "pool"      // another host's token came from the pool
	eventLost = "pool lost" // the pool's store does not answer

	eventIdentity = "identity" // the API said whose token it is
)

// The source of a request's token.
const (
	fromCache   = logfile.FromCache
	fromNetwork = "network"
	fromPool    = "pool"    // of another host
	notGiven    = "refused" // no token was given: text and exit have the reason
)

func (q *query) record(event string) logfile.Record {
	r := recordOf(q.request)
	r.Event, r.Profile = event, q.profile.Name
	return r
}

// recordOf returns the log record of a request.
func recordOf(r protocol.Request) logfile.Record {
	line := logfile.Record{Profile: printable.Value(r.Profile), Guest: r.Guest, Text: r.Words()}
	if r.URL != (origin.URL{}) {
		line.URI = r.URL.String()
	}
	return line
}

// eventGuest is the event of the door: a guest came, or was refused.
const eventGuest = "guest"

// LogGuest appends a line of the door: what a guest of a profile did, both "" if nobody
// knows whose guest it was, and the exit code of its refusal, 0 if there was none.
func (h *Helper) LogGuest(by logfile.Caller, guest, profile, text string, exit int) {
	settings, _ := h.Settings()
	line := logfile.Record{Event: eventGuest, Guest: guest, Profile: profile, Text: printable.Line(text), Exit: exit}
	if h.logFile.Append(settings.LogLimit(), line.By(by, h.now())) != nil {
		h.report("the log cannot be written")
	}
}

// ofToken is the line with the token that it is about.
func (h *Helper) ofToken(r logfile.Record, token secret.Text, expires int64) logfile.Record {
	r.Token, r.Expires = h.fingerprint(token), expires
	return r
}

// obtained completes the record of a new token.
func (h *Helper) obtained(r logfile.Record, token *oauth.Token) logfile.Record {
	r = h.ofToken(r, token.Access, token.Expires.Unix())
	r.Tries, r.Correlation, r.Issued = token.Tries, token.CorrelationID, token.Issued
	return r
}

// ofFetch is the line of a token that was fetched for the request.
func (q *query) ofFetch(token *oauth.Token) logfile.Record {
	r := q.obtained(q.record(eventFetch), token)
	if r.Source = fromNetwork; q.fromPool == nil {
		return r
	}
	r.Pool, r.Number, r.Host = q.profile.Pool.Name, q.fromPool.Number, q.fromPool.By
	r.Token = q.fromPool.Fingerprint
	if !q.fromPool.Fetched {
		r.Event, r.Source = eventPool, fromPool
	}
	return r
}

// logLoss logs that a pool's store was lost.
func (h *Helper) logLoss(name string, l pool.Loss) {
	h.log(logfile.Record{Event: eventLost, Pool: name, Text: printable.Line(l.Text)})
}

// nameOf returns the name of a token in the log: that of all hosts for one of a pool.
func (q *query) nameOf(token secret.Text) string {
	if q.profile.Pool.Name != "" {
		last, known := q.records().Last()
		if q.fromPool != nil {
			last, known = *q.fromPool, true
		}
		if known && last.Of(token) {
			return last.Fingerprint
		}
	}
	return q.fingerprint(token)
}

// fingerprint returns 32 bits of a keyed hash: enough to see whether two lines concern
// the same token, and useless for testing tokens without this home's id.
func (h *Helper) fingerprint(token secret.Text) string {
	return hex.EncodeToString(keyed(h.homeID(), token)[:4])
}

// jitter returns a number of seconds from 0 to most that differs for each home and each
// token, and stays the same for both.
func (h *Helper) jitter(token secret.Text, most int64) int64 {
	id := h.homeID()
	if id == "" { // the first token of a home is sealed before there is one
		return rand.Int64N(most + 1)
	}
	return int64(binary.BigEndian.Uint32(keyed(id, token)[4:])) % (most + 1)
}

func keyed(home string, token secret.Text) []byte {
	mac := hmac.New(sha256.New, []byte(home))
	mac.Write([]byte(token.Reveal()))
	return mac.Sum(nil)
}

func (h *Helper) homeID() string {
	id, err := os.ReadFile(h.config.Dirs.Locks() + "/home")
	if err != nil {
		return ""
	}
	return string(id)
}

// logFailure logs the error that a person sees. Calls during a wait add nothing,
// because a tool in a loop would fill the log with the same failure.
func (h *Helper) logFailure(r logfile.Record, err error) {
	if errors.As(err, new(*heldBack)) {
		return
	}
	r.Event = eventFailed
	if errors.Is(err, protocol.ErrRefused) {
		r.Event = eventRefused
	}
	r.Source = cmp.Or(r.Source, notGiven)
	if e := new(failure.TokenFailure); errors.As(err, &e) {
		r.Correlation, r.Tries = e.Correlation, e.Tries
	}
	r.Exit, r.Text = protocol.ExitCode(err), printable.Line(err.Error())
	h.log(r)
}

// log appends one line. Errors are ignored: logUse is for what may not be without one.
func (h *Helper) log(r logfile.Record) {
	settings, err := h.Settings()
	if err != nil {
		settings.Audit = config.AuditRequired // the longest log
	}
	_ = h.append(r, settings.LogLimit())
}

func (h *Helper) append(r logfile.Record, limit int64) error {
	if h.config.NoStore {
		return nil
	}
	by := h.config.Caller
	if r.Guest != "" { // it is not the program that started the door
		by = logfile.Caller{Dialect: by.Dialect}
	}
	return h.logFile.Append(limit, r.By(by, h.now()))
}

// logUse appends the line of a token that is about to be given. An error means that it
// may not be.
func (q *query) logUse(r logfile.Record) error {
	if err := q.append(r, q.settings.LogLimit()); err != nil && q.settings.Audit == config.AuditRequired {
		return logfile.Unlogged(q.config.Dirs.Log(), err)
	}
	return nil
}

// unlogged returns the error where each use has to be logged, and nothing is written;
// else nil.
func (q *query) unlogged() error {
	if !q.config.NoStore || q.settings.Audit != config.AuditRequired {
		return nil
	}
	return &protocol.Error{Kind: protocol.ErrPolicy, Text: `audit = "required" in ` + q.config.Dirs.Settings() + ": no token without a line in the log, and --no-store writes none",
		Hint: "leave out --no-store"}
}

// IssuedType returns the issued_token_type of a token in the log (RFC 8693 2.2.1); ""
// if the server sent none, or the line is gone.
func (h *Helper) IssuedType(token secret.Text) (kind string) {
	print := h.fingerprint(token)
	_ = logread.With(h.config.Dirs.Log(), print, func(r logfile.Record) bool {
		if r.Token == print && r.Issued != "" {
			kind = printable.Value(r.Issued)
		}
		return true
	})
	return kind
}

// cacheStore opens the cache if it exists; else nil.
func (h *Helper) cacheStore() (*cache.Store, error) {
	if h.config.NoStore {
		return nil, nil
	}
	store, err := cache.Open(h.config.Dirs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure.Store(err)
	}
	return store, nil
}

// formerStore is cacheStore for revocations: a missing cache may be restored, so it is
// opened if there ever was one.
func (h *Helper) formerStore() (*cache.Store, error) {
	store, err := h.cacheStore()
	if err != nil || store != nil || h.config.NoStore || !h.config.Dirs.Used() {
		return store, err
	}
	if store, err = cache.Create(h.config.Dirs); err != nil {
		return nil, failure.Store(err)
	}
	return store, nil
}

// heldBack is the failure of a call that did not contact the server because of a mark.
// The log already has the original failure.
type heldBack struct{ error }

func (e *heldBack) Unwrap() error { return e.error }
