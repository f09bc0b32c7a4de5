package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/oauth"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
	"github.com/credhelper/credhelper/protocol/strictjson"
)

// The limits of a probe's response.
const (
	probeTime  = 4 * time.Second
	probeLimit = 1 << 20 // bytes
)

// ProbeResult is what the API said of a token.
type ProbeResult struct {
	ProbeURL string // "" if the profile has no probe
	Status   int    // HTTP status of the probe; 0 if there was no answer
	Identity string // whom the API takes the token for; printable ASCII
}

// Probe asks the API which account the token belongs to. The address is within the
// profile's origins (takeProbe) and redirects are not followed, so the token goes
// nowhere else. Some systems answer 200 to an invalid token, as to an anonymous
// visitor; so a response without the account is a failure.
func (ss *Servers) Probe(ctx context.Context, p *config.Profile, token secret.Text) (ProbeResult, error) {
	t := ProbeResult{ProbeURL: p.ProbeURL()}
	if t.ProbeURL == "" {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	connection, err := ss.connection(p, tls.Certificate{})
	if err != nil {
		return t, err
	}
	ss.config.Explain("profile " + p.Name + ": asks " + t.ProbeURL + " whom the token is for")
	r, err := http.NewRequestWithContext(ctx, p.Probe.Method, t.ProbeURL, nil)
	if err != nil {
		return t, protocol.Policy("profile " + p.Name + ": probe: not an address")
	}
	field, value, _ := strings.Cut(p.HeaderText(), ": ")
	r.Header.Set(field, strings.ReplaceAll(value, "{token}", token.Reveal()))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "credhelper")
	began := ss.config.Now()
	resp, err := connection.Do(r)
	took := ss.config.Now().Sub(began).Milliseconds()
	if err != nil {
		ss.config.Explain(fmt.Sprintf("profile %s: no answer, after %d ms", p.Name, took))
		return t, t.failed(p, "no answer", "is the address right, and does the proxy let it through? credhelper doctor")
	}
	defer resp.Body.Close()
	ss.config.Explain(fmt.Sprintf("profile %s: status %d, after %d ms", p.Name, resp.StatusCode, took))
	t.Status = resp.StatusCode
	if t.Status == http.StatusSwitchingProtocols { // what follows has no end, and no time limit
		return t, t.failed(p, "another protocol, which was not asked for", "this address does not answer as the API: check url with credhelper edit "+p.Name)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, probeLimit+1))
	if err != nil || len(body) > probeLimit {
		return t, t.failed(p, "the answer breaks off or is too long", "")
	}
	return t, t.judge(p, body, token)
}

// judge evaluates the response to a probe.
func (t *ProbeResult) judge(p *config.Profile, body []byte, token secret.Text) error {
	answer, err := strictjson.Parse(body)
	message := apiMessage(answer)
	message = printable.Value(oauth.Redact(message, token))
	switch {
	case t.Status < 200 || t.Status > 299:
		return t.failed(p, message, p.ProbeHint(t.Status, message))
	case len(p.Probe.Identity) == 0:
		return nil
	case err != nil:
		return t.failed(p, "the answer is no JSON", "this address does not answer as the API: check url with credhelper edit "+p.Name)
	}
	for _, template := range p.Probe.Identity {
		if who, whole := describe(answer, template); whole {
			t.Identity = printable.Value(oauth.Redact(who, token))
			return nil
		}
	}
	return t.failed(p, "the answer names nobody", "the API took the request for an anonymous one: it did not accept the token")
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

func (t *ProbeResult) failed(p *config.Profile, message, hint string) error {
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
