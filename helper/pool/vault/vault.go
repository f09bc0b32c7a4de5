// Package vault keeps the tokens of a pool in HashiCorp Vault or OpenBao: in a KV engine of
// version 2, whose check-and-set replaces a value only if nobody has changed it.
//
// Source: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2; each answer was
// compared with that of Vault 1.14.1.
package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/swap"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Config is how a store is reached.
type Config struct {
	Path   string // MOUNT/data/PATH, below which the values are
	Reader bool   // it may write reports only
	Now    func() time.Time
	// Ask sends a request to a path of the API, with the token of a login. Its errors are
	// *pool.Error, and those of a server in trouble are among them.
	Ask func(ctx context.Context, method, path string, headers [][2]string, body []byte) (oauth.Document, error)
}

// Open returns the store. It contacts nobody.
func Open(c Config) pool.Store {
	s := &store{Config: c}
	b := swap.Backend{Load: s.load, Save: s.save, Close: func() {}, Precision: time.Second, MostNotes: mostNotes, Now: c.Now}
	if !c.Reader {
		b.Warning = s.warning
	}
	return swap.Store(b)
}

type store struct {
	Config

	mu    sync.Mutex
	check swap.Value // the check values, which hardly ever change; Bytes is nil: not known
}

const (
	// mostNotes is the length of the log, which is one value and is written as one: the
	// server's storage may take no more than half a megabyte.
	mostNotes = 200
	// versions is how many versions of a value the server keeps: older ones are tokens that
	// nobody needs any more.
	versions = 1
	// none is the version of what is not there.
	none = "0"
)

// place returns the path of a key. Reports have a folder of their own, because a policy
// allows what begins like its path, and readers may write nothing else.
func (s *store) place(key string) string {
	if name, is := strings.CutSuffix(key, swap.ReportedSuffix); is {
		key = "reported/" + name
	}
	return s.Path + "/" + key
}

// metadata returns the path at which the server says how it keeps a value.
func metadata(place string) string { return strings.Replace(place, "/data/", "/metadata/", 1) }

func (s *store) load(ctx context.Context, keys ...string) (values []swap.Value, now int64, err error) {
	for _, key := range keys {
		v, at, err := s.loadOne(ctx, key)
		if err != nil {
			return nil, 0, err
		}
		if at > 0 {
			now = at
		}
		values = append(values, v)
	}
	return values, now, nil
}

// loadOne returns what is at a key. The time is 0 if the server was not asked.
func (s *store) loadOne(ctx context.Context, key string) (v swap.Value, now int64, err error) {
	if key == swap.CheckKey {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.check.Bytes != nil {
			return s.check, 0, nil
		}
		defer func() { s.check = v }()
	}
	d, err := s.Ask(ctx, http.MethodGet, s.place(key), nil, nil)
	if err != nil {
		return v, 0, err
	}
	now = d.Date.UnixMicro()
	n, errNumber := d.JSON.At("data", "metadata", "version").Int()
	switch {
	case d.Status == http.StatusNotFound && said(d) == "" && errNumber != nil:
		return swap.Value{Version: none}, now, nil
	case d.Status == http.StatusNotFound && errNumber == nil: // deleted, or destroyed
		return swap.Value{Version: strconv.FormatInt(n, 10)}, now, nil
	case d.Status == http.StatusOK && errNumber == nil:
		return swap.Value{Bytes: decode(d.JSON.At("data", "data")), Version: strconv.FormatInt(n, 10)}, now, nil
	case d.Status == http.StatusOK:
		return v, 0, errFirstVersion
	}
	return v, 0, s.refused(d, "read")
}

// decode returns the bytes of a value; none if it is not one of ours.
func decode(content strictjson.Value) []byte {
	text, _ := content.At("value").Text()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

var errFirstVersion = &pool.Error{Kind: pool.Wrong, Text: "what is mounted there is no KV engine of version 2", Hint: "bao secrets enable -version=2 -path=MOUNT kv; vault kv enable-versioning MOUNT"}

func (s *store) save(ctx context.Context, key string, from swap.Value, to []byte) (saved bool, err error) {
	version, err := strconv.ParseInt(from.Version, 10, 64)
	if err != nil {
		return false, err
	}
	if key == swap.CheckKey {
		s.mu.Lock()
		s.check = swap.Value{}
		s.mu.Unlock()
	}
	place := s.place(key)
	if from.Version == none && !s.Reader {
		// Where this is not allowed the server keeps as many versions as it wants to, of
		// which warning speaks.
		if _, err := s.Ask(ctx, http.MethodPost, metadata(place), nil, []byte(`{"max_versions":`+strconv.Itoa(versions)+`}`)); err != nil {
			return false, err
		}
	}
	body, err := json.Marshal(map[string]map[string]any{"options": {"cas": version}, "data": {"value": to}})
	if err != nil {
		return false, err
	}
	d, err := s.Ask(ctx, http.MethodPost, place, nil, body)
	switch {
	case err != nil:
		return false, err
	case d.Status == http.StatusOK:
		return true, nil
	case d.Status == http.StatusNoContent:
		return false, errFirstVersion
	case d.Status == http.StatusBadRequest:
		// Only the text of this answer says that somebody was faster, so the version is
		// read again.
		if now, _, err := s.loadOne(ctx, key); err != nil || now.Version != from.Version {
			return false, err
		}
	}
	return false, s.refused(d, "write")
}

// refused returns the error for a response.
func (s *store) refused(d oauth.Document, what string) error {
	e := &pool.Error{Kind: pool.Wrong, Text: s.Path + ": " + strconv.Itoa(d.Status)}
	switch text := said(d); {
	case d.Status == http.StatusForbidden:
		e.Text += " permission denied to " + what
		e.Hint = "credhelper help pool shows the policies of a keeper and of a reader"
	case d.Status == http.StatusRequestEntityTooLarge:
		e.Kind, e.Text = pool.Down, "it takes no value of that size (413)"
		e.Hint = "see its max_request_size, and the max_entry_size of its storage"
	case text != "":
		e.Text += ": " + text
	}
	if d.Status == http.StatusNotFound {
		e.Hint = "is a KV engine mounted there? bao secrets list, vault secrets list"
	}
	e.Text = printable.Line(e.Text)
	return e
}

// said returns the first error of a response.
func said(d oauth.Document) string {
	for element := range d.JSON.At("errors").Elements() {
		text, _ := element.Text()
		return d.Foreign(text)
	}
	return ""
}

// warning says whether the server keeps old versions of tokens.
func (s *store) warning(ctx context.Context) string {
	d, err := s.Ask(ctx, http.MethodGet, metadata(s.place(swap.CheckKey)), nil, nil)
	if err != nil || d.Status != http.StatusOK {
		return "how many old versions of its tokens the store keeps is not known: the policy does not allow reading and writing " + metadata(s.Path)
	}
	if n, err := d.JSON.At("data", "max_versions").Int(); err != nil || n != versions {
		return "the store keeps old versions of its tokens, sealed: allow writing " + metadata(s.Path) + ", and remove what is there once"
	}
	return ""
}
