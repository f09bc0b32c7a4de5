// Package kubernetes keeps the tokens of pools in a Secret of Kubernetes.
//
// Each key of the Secret's data begins with the name of a pool. A change is a merge patch
// with the resourceVersion that was read, so the API server refuses it with 409 if anybody
// has changed the Secret meanwhile. Nothing else of the API is needed: the verbs get and
// patch for this one Secret, which a person makes.
package kubernetes

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
)

// Config is how a Secret is reached.
type Config struct {
	Pool   string // the pool's name, with which all keys begin
	Secret string // NAMESPACE/NAME
	Now    func() time.Time

	// Ask sends a request to the API server, with a login. Errors are *pool.Error.
	Ask func(ctx context.Context, method, path string, headers [][2]string, body []byte) (oauth.Document, error)
}

// Open returns the store. It contacts nobody.
func Open(c Config) pool.Store {
	namespace, name, _ := strings.Cut(c.Secret, "/")
	s := &store{Config: c, path: "/api/v1/namespaces/" + namespace + "/secrets/" + name, prefix: c.Pool + "."}
	return swap.Store(swap.Backend{Load: s.load, Save: s.save, Close: func() {}, Precision: time.Second, MostNotes: mostNotes, Now: c.Now})
}

const (
	// mostNotes is few, because every answer contains them.
	mostNotes = 50
	// mostBytes is the most that the Secret may have: 1 MiB is the server's limit, and that
	// of an answer, which has it in base64.
	mostBytes = 512 << 10
)

type store struct {
	Config
	path, prefix string

	mu   sync.Mutex
	last secret
}

// secret is what the Secret had when it was read.
type secret struct {
	version   string
	immutable bool
	size      int      // of all keys and values but the expired ones
	expired   []string // keys that may be removed
}

func (s *store) load(ctx context.Context, keys ...string) (values []swap.Value, now int64, err error) {
	d, err := s.send(ctx, http.MethodGet, nil)
	if err != nil {
		return nil, 0, err
	}
	version, _ := d.JSON.At("metadata", "resourceVersion").Text()
	if kind, _ := d.JSON.At("kind").Text(); version == "" || kind != "Secret" {
		return nil, 0, &pool.Error{Kind: pool.Wrong, Text: "it does not answer as an API server of Kubernetes", Hint: "address of the pool has the API server's"}
	}
	now = d.Date.UnixMicro()
	read := secret{version: version}
	read.immutable, _ = d.JSON.At("immutable").Bool()
	found := map[string][]byte{}
	for full, value := range d.JSON.At("data").Members() { // missing in an empty Secret
		encoded, _ := value.Text()
		b, _ := base64.StdEncoding.DecodeString(encoded)
		key, ours := strings.CutPrefix(full, s.prefix)
		if ours {
			found[key] = b
		}
		if ours && swap.Expired(key, b, now) {
			read.expired = append(read.expired, full)
			continue
		}
		read.size += len(full) + len(b)
	}
	for _, key := range keys {
		values = append(values, swap.Value{Bytes: found[key], Version: version})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = read
	return values, now, nil
}

// save replaces the value at a key, and removes what is of no use any more.
func (s *store) save(ctx context.Context, key string, from swap.Value, to []byte) (saved bool, err error) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	switch {
	case last.version != from.Version: // another goroutine has read it meanwhile
		return false, nil
	case last.immutable:
		return false, &pool.Error{Kind: pool.Wrong, Text: "the Secret " + s.Secret + " is immutable", Hint: "a person makes it again: " + s.kubectl("delete secret") + " && " + s.kubectl("create secret generic")}
	case last.size+len(to)-len(from.Bytes) > mostBytes && len(to) > len(from.Bytes):
		return false, &pool.Error{Kind: pool.Down, Text: "the Secret " + s.Secret + " is full", Hint: "give this pool a Secret of its own"}
	}
	data := map[string]any{}
	for _, full := range last.expired {
		data[full] = nil
	}
	data[s.prefix+key] = to // in base64
	body, err := json.Marshal(map[string]any{"metadata": map[string]string{"resourceVersion": from.Version}, "data": data})
	if err != nil {
		return false, err
	}
	d, err := s.send(ctx, http.MethodPatch, body)
	return err == nil && d.Status != http.StatusConflict, err
}

// send sends a request for the Secret, and sends it again if reading was refused, because
// of startTime. A conflict is an answer.
func (s *store) send(ctx context.Context, method string, body []byte) (oauth.Document, error) {
	path, headers := s.path, [][2]string(nil)
	if method == http.MethodPatch {
		path += "?fieldManager=credhelper"
		headers = [][2]string{{"Content-Type", "application/merge-patch+json"}}
	}
	d, err := s.Ask(ctx, method, path, headers, body)
	if err == nil && d.Status == http.StatusForbidden && method == http.MethodGet {
		select {
		case <-time.After(startTime):
			d, err = s.Ask(ctx, method, path, headers, body)
		case <-ctx.Done():
		}
	}
	if err == nil {
		err = s.refused(d, method)
	}
	return d, err
}

// startTime is longer than an API server that has just started refuses everything: it knows
// no roles for some hundredths of a second after it began to listen.
const startTime = 300 * time.Millisecond

// refused returns the error for a response without the Secret; nil for one with it, and for
// a conflict.
func (s *store) refused(d oauth.Document, method string) error {
	wrong := func(text, hint string) error { return &pool.Error{Kind: pool.Wrong, Text: text, Hint: hint} }
	switch status := d.Status; {
	case status == http.StatusUnauthorized:
		return wrong("it does not accept the token (401): it has expired, or is another cluster's", "auth of the pool is where the token comes from; in a pod it is the service account's")
	case status == http.StatusForbidden:
		return wrong("it does not allow to "+strings.ToLower(method)+" the Secret "+s.Secret+" (403)", "credhelper help pool shows the Role for keepers and for readers")
	case status == http.StatusNotFound:
		return wrong("there is no Secret "+s.Secret, "a person makes it once, empty: "+s.kubectl("create secret generic"))
	case status == http.StatusRequestEntityTooLarge:
		return &pool.Error{Kind: pool.Down, Text: "the Secret " + s.Secret + " is full (413)", Hint: "give this pool a Secret of its own"}
	case status == http.StatusTooManyRequests:
		return &pool.Error{Kind: pool.Silent, Text: "it asks to wait (429): it has too much to do", Hint: "see the priority levels of the API server", After: d.After}
	case status == http.StatusGone, status >= 500:
		return &pool.Error{Kind: pool.Silent, Text: "it answers " + strconv.Itoa(status), Hint: "is it in trouble? kubectl get --raw /readyz", After: d.After}
	case status == http.StatusConflict && method == http.MethodPatch:
		return nil
	case status != http.StatusOK:
		return wrong("it refuses the request: "+strconv.Itoa(status), "address of the pool has the API server's")
	case d.Date.IsZero():
		return wrong("its answer has no Date, and a pool counts by its store's clock", "does a proxy in front of it remove the header?")
	case d.Fault != "" && method == http.MethodGet:
		return &pool.Error{Kind: pool.Down, Text: "the Secret " + s.Secret + " cannot be read: " + d.Fault, Hint: "give this pool a Secret of its own"}
	}
	return nil
}

// kubectl returns a command for the Secret, whose name has no signs that mean something to a
// shell (helper/config).
func (s *store) kubectl(verb string) string {
	namespace, name, _ := strings.Cut(s.Secret, "/")
	return "kubectl -n " + namespace + " " + verb + " " + name
}
