package helper

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/secret"
)

// auditAll is the setting that also logs answers from the cache.
const auditAll = "all"

// Record is one line of the log: JSON, no secret, no path or query of a URL.
type Record struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"` // fetch, hit, refused, failed, reject, secret ...
	Profile string    `json:"profile,omitempty"`
	URI     string    `json:"uri,omitempty"`     // scheme and host that the tool asked for
	Token   string    `json:"token,omitempty"`   // keyed fingerprint: tells tokens apart, nothing else
	Expires int64     `json:"expires,omitempty"` // Unix seconds
	Tries   int       `json:"tries,omitempty"`   // requests that it took
	Exit    int       `json:"exit,omitempty"`    // exit code of the failure
	Text    string    `json:"text,omitempty"`
}

func (a *asking) record(event string) Record {
	r := Record{Event: event, Profile: a.profile.Name}
	if a.request.URL != (origin.URL{}) {
		r.URI = a.request.URL.String()
	}
	return r
}

func (r Record) ofToken(h *Helper, token secret.Text, expires int64) Record {
	r.Token, r.Expires = h.fingerprint(token), expires
	return r
}

func (r Record) tries(n int) Record {
	r.Tries = n
	return r
}

// fingerprint is 32 bits of a keyed hash: enough to see whether two lines are
// about one token; nothing to try tokens against without this home's id.
func (h *Helper) fingerprint(token secret.Text) string {
	mac := hmac.New(sha256.New, []byte(h.homeID()))
	mac.Write([]byte(token.Reveal()))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

func (h *Helper) homeID() string {
	id, err := os.ReadFile(h.config.Dirs.Run() + "/home")
	if err != nil {
		return ""
	}
	return string(id)
}

// logFailure writes the line that a person sees, too.
func (h *Helper) logFailure(r Record, err error) {
	r.Event = "failed"
	if errors.Is(err, protocol.ErrRefused) {
		r.Event = "refused"
	}
	r.Exit, r.Text = protocol.ExitCode(err), err.Error()
	h.log(r)
}

// The log is turned over when it has grown to logLimit; one older file is kept.
const (
	logLimit = 1 << 20
	olderLog = ".1"
)

// log appends one line with one write, so that lines of many processes do not
// mix. A log that cannot be written stops nobody.
func (h *Helper) log(r Record) {
	if h.config.NoStore {
		return
	}
	r.Time = h.now().UTC().Truncate(time.Second)
	line, err := json.Marshal(r)
	if err != nil {
		return
	}
	path := h.config.Dirs.Log()
	f, err := openOwn(path)
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logLimit {
		// Somebody else may have turned it over meanwhile.
		if now, err := os.Stat(path); err == nil && os.SameFile(info, now) {
			_ = os.Rename(path, path+olderLog)
		}
	}
	_, _ = f.Write(append(line, '\n'))
}

// Log reads the log, oldest first, and calls yield for each line until it
// returns false. Lines that cannot be read are left out.
func (h *Helper) Log(yield func(Record) bool) error {
	for _, path := range [...]string{h.config.Dirs.Log() + olderLog, h.config.Dirs.Log()} {
		more, err := readLog(path, yield)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func readLog(path string, yield func(Record) bool) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, unreadable(path, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 2*logLimit))
	lines.Buffer(nil, 2*logLimit)
	for lines.Scan() {
		var r Record
		if json.Unmarshal(lines.Bytes(), &r) == nil && !yield(r) {
			return false, nil
		}
	}
	return true, nil
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
