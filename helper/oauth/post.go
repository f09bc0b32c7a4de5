package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/credhelper/credhelper/protocol/strictjson"
)

// post sends a form once to an endpoint other than the token endpoint, with the same
// client authentication (RFC 7009 2.1, RFC 7662 2.1, RFC 8628 3.1). what names the
// endpoint in messages.
func (c *Client) post(ctx context.Context, what, endpointURL string, form url.Values) (answer, *Error) {
	began := c.now()
	a, failure := c.postOnce(ctx, what, endpointURL, form)
	c.report(strings.TrimSuffix(what, "_url")+" endpoint, answer", failure, c.now().Sub(began), 1)
	return a, failure
}

func (c *Client) postOnce(ctx context.Context, what, endpointURL string, form url.Values) (answer, *Error) {
	fail := func(e *Error) (answer, *Error) {
		e.URL, e.Tries = endpoint(endpointURL), 1
		return answer{}, e
	}
	if reason := BadEndpoint(endpointURL); reason != "" {
		return answer{}, &Error{Kind: Policy, Reason: what + " " + reason}
	}
	if err := c.CheckSettings(); err != nil {
		return answer{}, asError(err)
	}
	auth, _ := FindClientAuth(c.Auth)
	if err := c.checkProof(auth); err != nil {
		return answer{}, asError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, or(c.Timeout, allTimeout))
	defer cancel()
	x := &exchange{auth: auth, base: c.transport(), sent: c.now()}
	r, err := c.request(x.watch(ctx), auth, endpointURL, form)
	if err != nil {
		return answer{}, asError(err)
	}
	c = c.sending(form)
	x.client = c
	resp, failure := x.send(r)
	if failure != nil {
		return fail(failure)
	}
	defer resp.Body.Close()
	a, failure := x.read(ctx, resp)
	if failure != nil {
		return fail(failure)
	}
	if !taken(a.status) {
		found, unreadable := c.parse(a)
		return fail(x.refusal(a, found, unreadable))
	}
	return a, nil
}

// request builds for other endpoints what x/oauth2 builds for the token endpoint.
func (c *Client) request(ctx context.Context, auth ClientAuth, endpointURL string, form url.Values) (*http.Request, error) {
	if auth.Fields != nil {
		if err := addFields(form, c, auth); err != nil {
			return nil, err
		}
	}
	if auth.Style == oauth2.AuthStyleInParams {
		form.Set("client_id", c.ID)
		if auth.NeedsSecret && !auth.KeepsSecret {
			form.Set("client_secret", c.Secret.Reveal())
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpointURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.setHeaders(r)
	if auth.Style == oauth2.AuthStyleInHeader {
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	if auth.Dress != nil {
		auth.Dress(c, r)
	}
	return r, nil
}

// cureEndpoint is the advice for other endpoints.
const cureEndpoint = "is this the address of that endpoint? credhelper show {profile} --full"

// object parses a response that is one JSON object, strictly (A14, R4).
func (a answer) object(endpointURL string) (strictjson.Value, *Error) {
	reason := a.fault
	if reason == "" {
		value, err := strictjson.Parse(afterMark(a.body))
		if err == nil && value.Kind() == strictjson.Object {
			return value, nil
		}
		reason = "a body that is not an acceptable JSON object"
	}
	f := flaw{reason: reason, cure: cureEndpoint}
	if a.looksHTML() {
		f = flawPage
	}
	e := a.malformed(f)
	e.URL, e.Tries = endpoint(endpointURL), 1
	return strictjson.Value{}, e
}

// textOf returns a string member; "" if there is none.
func textOf(v strictjson.Value, name string) string {
	member, found := v.Get(name)
	if !found {
		return ""
	}
	s, err := member.Text()
	if err != nil {
		return ""
	}
	return s
}

// secondsOf returns a member that is a number of seconds or a date; 0 if there is none.
func secondsOf(v strictjson.Value, name string) int64 {
	member, found := v.Get(name)
	if !found {
		return 0
	}
	f := jsonField(member)
	n, ok := int64(0), false
	switch f.shape {
	case number:
		n, ok = wholeNumber(f.text)
	case text:
		n, ok = digits(f.text)
	}
	if !ok {
		return 0
	}
	return n
}
