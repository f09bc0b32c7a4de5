package helper

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// auditAll is the setting that also logs answers from the cache.
const auditAll = "all"

// The events of requests; those of changes say in words what was changed.
const (
	eventFetch   = "fetch"   // the server gave a token
	eventHit     = "hit"     // the cache did; only with audit "all"
	eventRefused = "refused" // the server said no for good
	eventFailed  = "failed"  // anything else
)

// Where the token of a request came from.
const (
	fromCache   = "cache"
	fromNetwork = "network"
	notGiven    = "refused" // no token was given: text and exit say why
)

// Caller is who asks, as the process finds it: it is written down, nothing depends
// on it. A program can name itself as it likes.
type Caller struct {
	Dialect    string `json:"-"`                    // in which words it asks: the dialect's or verb's name
	PID        int    `json:"pid,omitempty"`        // 0 if not known
	Executable string `json:"executable,omitempty"` // its path without arguments (T6); "" if not known
}

// Record is one line of the log: JSON, no secret, no path or query of a URL.
type Record struct {
	Time        time.Time `json:"time"`
	Event       string    `json:"event"` // fetch, hit, refused, failed, reject, login, secret stored ...
	Profile     string    `json:"profile,omitempty"`
	URI         string    `json:"uri,omitempty"` // scheme and host that the tool asked for
	Dialect     string    `json:"dialect,omitempty"`
	Caller      Caller    `json:"caller,omitzero"`
	Source      string    `json:"source,omitempty"`            // of a request: cache, network, refused
	Expires     int64     `json:"expires,omitempty"`           // Unix seconds
	Token       string    `json:"token,omitempty"`             // keyed fingerprint: tells tokens apart, nothing else
	Issued      string    `json:"issued_token_type,omitempty"` // RFC 8693 2.2.1; as the server says
	Correlation string    `json:"correlation,omitempty"`       // the authorization server's id of its request
	Tries       int       `json:"tries,omitempty"`             // requests that it took
	Exit        int       `json:"exit,omitempty"`              // exit code of the failure
	Text        string    `json:"text,omitempty"`
}

func (q *query) record(event string) Record {
	r := recordOf(q.request)
	r.Event, r.Profile = event, q.profile.Name
	return r
}

// recordOf is what a request says of itself.
func recordOf(r protocol.Request) Record {
	line := Record{Profile: printable.Value(r.Profile)}
	if r.URL != (origin.URL{}) {
		line.URI = r.URL.String()
	}
	return line
}

func (r Record) ofToken(h *Helper, token secret.Text, expires int64) Record {
	r.Token, r.Expires = h.fingerprint(token), expires
	return r
}

// given is the line about a failure that a cached token helped over.
func (r Record) given(h *Helper, e *cache.Entry) Record {
	r = r.ofToken(h, e.Token, e.Expires)
	r.Source = fromCache
	return r
}

// obtained is the line about a token that the server has just given.
func (r Record) obtained(h *Helper, token *oauth.Token) Record {
	r = r.ofToken(h, token.Access, token.Expires.Unix())
	r.Tries, r.Correlation, r.Issued = token.Tries, token.CorrelationID, token.Issued
	return r
}

// fingerprint is 32 bits of a keyed hash: enough to see whether two lines are
// about one token; nothing to try tokens against without this home's id.
func (h *Helper) fingerprint(token secret.Text) string {
	mac := hmac.New(sha256.New, []byte(h.homeID()))
	mac.Write([]byte(token.Reveal()))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// IssuedType is the issued_token_type that the log has of a token (RFC 8693 2.2.1); ""
// if the server said none, or its line is gone.
func (h *Helper) IssuedType(token secret.Text) (kind string) {
	print := h.fingerprint(token)
	_ = h.eachRecord([]byte(print), func(r Record) bool {
		if r.Token == print && r.Issued != "" {
			kind = printable.Value(r.Issued)
		}
		return true
	})
	return kind
}

func (h *Helper) homeID() string {
	id, err := os.ReadFile(h.config.Dirs.Locks() + "/home")
	if err != nil {
		return ""
	}
	return string(id)
}

// logFailure writes the line that a person sees, too. Calls during a wait add nothing: a
// tool that goes round would fill the log with one and the same failure.
func (h *Helper) logFailure(r Record, err error) {
	if errors.As(err, new(*notAsked)) {
		return
	}
	r.Event = eventFailed
	if errors.Is(err, protocol.ErrRefused) {
		r.Event = eventRefused
	}
	if r.Source == "" {
		r.Source = notGiven
	}
	if asked := new(tokenFailure); errors.As(err, &asked) {
		r.Correlation, r.Tries = asked.correlation, asked.tries
	}
	r.Exit, r.Text = protocol.ExitCode(err), printable.Line(err.Error())
	h.log(r)
}

// log appends one line. A log that cannot be written stops nobody.
func (h *Helper) log(r Record) {
	if h.config.NoStore {
		return
	}
	r.Time = h.now().UTC().Truncate(time.Second)
	r.Caller = h.config.Caller
	r.Caller.Executable = cut(r.Caller.Executable)
	r.Dialect, r.Caller.Dialect = r.Caller.Dialect, ""
	switch r.Event {
	case eventHit:
		r.Source = fromCache
	case eventFetch:
		r.Source = fromNetwork
	}
	if line, err := json.Marshal(r); err == nil {
		appendLog(h.config.Dirs.Log(), append(line, '\n'))
	}
}

// cut is a path as the log has it: its last 256 bytes, printable ASCII. A newline in
// it is no end of a line, as it is in errors.
func cut(path string) string {
	const longest = 256
	return printable.Line(strings.ReplaceAll(path[max(0, len(path)-longest):], "\n", "?"))
}

// cacheStore opens the cache if there is one; nil if there is none.
func (h *Helper) cacheStore() (*cache.Store, error) {
	if h.config.NoStore {
		return nil, nil
	}
	store, err := cache.Open(h.config.Dirs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	return store, nil
}

// formerStore is cacheStore for what revokes: a cache that is away may come back, so it
// is opened wherever there ever was one.
func (h *Helper) formerStore() (*cache.Store, error) {
	store, err := h.cacheStore()
	if err != nil || store != nil || h.config.NoStore || !h.config.Dirs.Used() {
		return store, err
	}
	if store, err = cache.Create(h.config.Dirs); err != nil {
		return nil, storeError(err)
	}
	return store, nil
}
