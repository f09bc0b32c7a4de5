package helper

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// Tested is the result of a test, as far as it came.
type Tested struct {
	Profile  string
	TokenURL string
	Life     time.Duration // remaining lifetime of the token; 0 if there is none
	Tries    int           // requests for the token
	Skew     time.Duration // server's clock less ours; 0 if unknown
	Scope    string
	Issued   string   // issued_token_type, if the server says one (RFC 8693 2.2.1)
	Warnings []string // one line each, no secrets

	ProbeURL string // "" if the profile has no probe
	Status   int    // HTTP status of the probe; 0 if there was no response
	Identity string // the account that the token belongs to; printable ASCII

	token *oauth.Token // for Keep
}

// Try requests a token with the given secret, which is not stored, and asks the API
// which account it belongs to; Keep caches the token later. It neither reads nor writes
// the cache, and ignores marks, because a person asked. Errors of the probe are
// protocol.ErrProbe; those of the token endpoint are the same as Get's.
func (h *Helper) Try(ctx context.Context, p *config.Profile, s secret.Text) (Tested, error) {
	t := Tested{Profile: p.Name, TokenURL: p.TokenURL, ProbeURL: p.ProbeURL()}
	token, err := h.token(ctx, p, s)
	if err != nil {
		err = tokenError(p, err)
		h.logFailure(Record{Profile: p.Name}, err)
		return t, err
	}
	t.note(token, h.now())
	return t, h.probe(ctx, p, token.Access, &t)
}

// Identify asks the API which account the token of a new sign-in belongs to.
func (h *Helper) Identify(ctx context.Context, p *config.Profile, token *oauth.Token) (Tested, error) {
	t := Tested{Profile: p.Name, TokenURL: p.TokenURL, ProbeURL: p.ProbeURL()}
	t.note(token, h.now())
	return t, h.probe(ctx, p, token.Access, &t)
}

// Keep caches the token of a Try, once its secret and profile are stored, so that the
// first tool causes no second request. Errors are ignored.
func (h *Helper) Keep(ctx context.Context, t Tested) {
	if t.token == nil || h.config.NoStore {
		return
	}
	store, err := cache.Create(h.config.Dirs)
	if err != nil {
		return
	}
	defer store.Close()
	lock, err := store.TryLock(t.Profile)
	if err != nil {
		return
	}
	defer lock.Unlock()
	h.keepToken(ctx, lock, t.Profile, t.token)
}

// keepToken caches a token that was requested to verify the profile's secret.
func (h *Helper) keepToken(ctx context.Context, lock *cache.Lock, profile string, token *oauth.Token) {
	q, err := h.newQuery(ctx, protocol.Request{Verb: protocol.Get, Profile: profile})
	if err != nil {
		return
	}
	defer q.close()
	q.keepLocked(ctx, lock, token)
	q.log(q.obtained(q.record(eventFetch), token))
}

// Test is Try with the stored secret. It contacts the server even if a token is cached
// or a mark holds, caches the new token, and removes the mark if it succeeds.
func (h *Helper) Test(ctx context.Context, name string) (Tested, error) {
	p, err := h.Profile(name)
	if err != nil {
		return Tested{Profile: name}, err
	}
	t := Tested{Profile: name, TokenURL: p.TokenURL, ProbeURL: p.ProbeURL()}
	q, err := h.newQuery(ctx, protocol.Request{Verb: protocol.Get, Profile: name})
	if err != nil {
		return t, err
	}
	defer q.close()
	token, err := q.renew(ctx)
	if err != nil {
		h.logFailure(q.record(""), err)
		return t, err
	}
	t.note(token, h.now())
	return t, h.probe(ctx, p, token.Access, &t)
}

// renew fetches a token regardless of cache and mark, under the lock.
func (q *query) renew(ctx context.Context) (*oauth.Token, error) {
	limit := cmp.Or(q.profile.Timeout, answerTime)
	q.patience(limit)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if q.store == nil && q.profile.Person() {
		return nil, unlockable(q.profile)
	}
	lock, err := q.lock(ctx, false)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	s, err := q.readProof(ctx)
	if err != nil {
		return nil, err
	}
	token, err := q.askServer(ctx, s)
	if err == nil {
		q.keepLocked(ctx, lock, token)
		q.log(q.obtained(q.record(eventFetch), token))
	}
	return token, err
}

func (t *Tested) note(token *oauth.Token, now time.Time) {
	t.Life, t.Tries, t.Skew, t.Scope = token.Expires.Sub(now), token.Tries, token.Skew, printable.Value(token.Scope)
	if t.Warnings = token.Warnings; token.EndsEarly() != "" {
		t.Warnings = append(slices.Clone(t.Warnings), token.EndsEarly())
	}
	t.Issued, t.token = printable.Value(token.Issued), token
}

// The limits of a probe's response.
const (
	probeTime  = 4 * time.Second
	probeLimit = 1 << 20 // bytes
)

// probe asks the API which account the token belongs to. The address is within the
// profile's origins (takeProbe) and redirects are not followed, so the token goes
// nowhere else. Some systems answer 200 to an invalid token, as to an anonymous
// visitor; so a response without the account is a failure.
func (h *Helper) probe(ctx context.Context, p *config.Profile, token secret.Text, t *Tested) error {
	if t.ProbeURL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	connection, err := h.connection(p, tls.Certificate{})
	if err != nil {
		return err
	}
	h.explain("profile " + p.Name + ": asks " + t.ProbeURL + " whom the token is for")
	r, err := http.NewRequestWithContext(ctx, p.Probe.Method, t.ProbeURL, nil)
	if err != nil {
		return policy("profile " + p.Name + ": probe: not an address")
	}
	field, value, _ := strings.Cut(p.HeaderText(), ": ")
	r.Header.Set(field, strings.ReplaceAll(value, "{token}", token.Reveal()))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "credhelper")
	began := h.now()
	resp, err := connection.Do(r)
	took := h.now().Sub(began).Milliseconds()
	if err != nil {
		h.explain(fmt.Sprintf("profile %s: no answer, after %d ms", p.Name, took))
		return t.probeFailed(p, "no answer", "is the address right, and does the proxy let it through? credhelper doctor")
	}
	defer resp.Body.Close()
	h.explain(fmt.Sprintf("profile %s: status %d, after %d ms", p.Name, resp.StatusCode, took))
	t.Status = resp.StatusCode
	body, err := io.ReadAll(io.LimitReader(resp.Body, probeLimit+1))
	if err != nil || len(body) > probeLimit {
		return t.probeFailed(p, "the answer breaks off or is too long", "")
	}
	return t.judge(p, body, token)
}

// judge evaluates the response to a probe.
func (t *Tested) judge(p *config.Profile, body []byte, token secret.Text) error {
	answer, err := strictjson.Parse(body)
	message := apiMessage(answer)
	message = printable.Value(oauth.Redact(message, token))
	switch {
	case t.Status < 200 || t.Status > 299:
		return t.probeFailed(p, message, p.ProbeHint(t.Status, message))
	case len(p.Probe.Identity) == 0:
		return nil
	case err != nil:
		return t.probeFailed(p, "the answer is no JSON", "this address does not answer as the API: check url with credhelper edit "+p.Name)
	}
	for _, template := range p.Probe.Identity {
		if who, whole := describe(answer, template); whole {
			t.Identity = printable.Value(oauth.Redact(who, token))
			return nil
		}
	}
	return t.probeFailed(p, "the answer names nobody", "the API took the request for an anonymous one: it did not accept the token")
}

// describe replaces the members in a template such as "{data.firstName}
// <{data.email}>"; a template without braces is the path of one member. It fails if a
// member is missing.
func describe(answer strictjson.Value, template string) (text string, whole bool) {
	if !strings.Contains(template, "{") {
		template = "{" + template + "}"
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		path, after, _ := strings.Cut(rest, "}")
		value := member(answer, path)
		if value == "" {
			return "", false
		}
		b.WriteString(value)
		template = after
	}
}

func (t *Tested) probeFailed(p *config.Profile, message, hint string) error {
	text := "profile " + p.Name + ": probe: "
	if t.Status != 0 {
		text += strconv.Itoa(t.Status) + " from "
	}
	text += t.ProbeURL
	if message != "" {
		text += ": " + strconv.Quote(message)
	}
	return &protocol.Error{Kind: protocol.ErrProbe, Text: printable.Line(text), Hint: printable.Line(hint)}
}

// messages are the members in which APIs put an error: Jama's meta.message,
// miniOrange's error.message, message of Jira and others, Atlassian's list.
var messages = [...]string{"meta.message", "error.message", "message", "error_description", "errorMessages", "error"}

func apiMessage(answer strictjson.Value) string {
	for _, path := range messages {
		if text := member(answer, path); text != "" {
			return text
		}
	}
	return ""
}

// member returns the string or number at a dotted path, or the first element of a list;
// "" if there is none.
func member(v strictjson.Value, path string) string {
	for _, name := range strings.Split(path, ".") {
		next, found := v.Get(name)
		if !found {
			return ""
		}
		v = next
	}
	for element := range v.Elements() {
		v = element
		break
	}
	if text, err := v.Text(); err == nil {
		return text
	}
	if n, err := v.Int(); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return ""
}
