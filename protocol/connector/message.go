package connector

import (
	"slices"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector/wire"
	"github.com/credhelper/credhelper/protocol/origin"
	"github.com/credhelper/credhelper/protocol/printable"
	"github.com/credhelper/credhelper/protocol/secret"
)

// requestMessage encodes a request for the wire. Its URL is written as a string and
// must parse to the same URL, because the other end decides by what it parses.
func requestMessage(r protocol.Request) (*wire.Request, error) {
	if r.Narrowing != (protocol.Narrowing{}) { // an older plugin would answer with the whole token
		return nil, protocol.Malformed("a connector's request cannot be narrowed to a scope or an audience")
	}
	m := &wire.Request{
		Profile:     r.Profile,
		Refused:     r.Refused.Token.Reveal(),
		RefusedMark: r.Refused.Mark,
		MinTtl:      r.MinTTL,
		Refresh:     r.Refresh,
		Timeout:     r.Timeout,
	}
	if r.URL == (origin.URL{}) {
		return m, nil
	}
	m.Url = r.URL.String() + r.URL.Path()
	if again, _ := origin.ParseURL(m.Url); again != r.URL {
		return nil, protocol.Malformed("the URL cannot be written as one: make it with origin.ParseURL")
	}
	return m, nil
}

// request decodes a request from the wire.
func request(verb protocol.Verb, m *wire.Request) (protocol.Request, error) {
	r := protocol.Request{
		Verb:    verb,
		Profile: m.Profile,
		Refused: protocol.Refusal{Token: secret.New(m.Refused), Mark: m.RefusedMark},
		MinTTL:  m.MinTtl,
		Refresh: m.Refresh,
		Timeout: min(m.Timeout, int64(answerTime.Seconds())),
		Address: m.Url,
	}
	if m.MinTtl < 0 || m.Timeout < 0 {
		return r, protocol.Malformed("seconds below zero")
	}
	if m.Profile != "" && !protocol.ValidProfile(m.Profile) {
		return r, protocol.Malformed("not a profile's name: " + printable.Value(m.Profile))
	}
	if m.Url == "" {
		return r, nil
	}
	var reason origin.Reason
	if r.URL, reason = origin.ParseURL(m.Url); reason != origin.Release {
		return r, protocol.Malformed("the URL: " + reason.String())
	}
	return r, nil
}

// credentialMessage encodes a credential for the wire.
func credentialMessage(c protocol.Credential) (*wire.Credential, error) {
	m := &wire.Credential{
		Profile:  c.Profile,
		Scheme:   c.Scheme,
		Header:   c.Header,
		Username: c.Username,
		Token:    c.Secret.Reveal(),
		Wide:     c.Wide,
		Expires:  c.Expires,
		Source:   c.Source,
		Origin:   c.Origin,
		Origins:  c.Origins,
	}
	for _, status := range c.RefreshOn {
		m.RefreshOn = append(m.RefreshOn, int32(status))
	}
	return m, checkStatuses(m.RefreshOn)
}

// maxStatuses is the maximum number of statuses in RefreshOn.
const maxStatuses = 16

// checkStatuses refuses statuses that no response can have. A caller compares each
// response of the API with all of them.
func checkStatuses(list []int32) error {
	if len(list) > maxStatuses {
		return protocol.Policy("too many statuses that doubt the token")
	}
	for _, status := range list {
		if status < 100 || status > 599 {
			return protocol.Policy("a status that doubts the token is not an HTTP status")
		}
	}
	return nil
}

// credential decodes a credential from the wire. The program puts it into a header, so
// its grammar is checked here again (A16, T21).
func credential(m *wire.Credential) (protocol.Credential, error) {
	if m == nil {
		return protocol.Credential{}, protocol.Policy("the answer holds neither a credential nor a failure")
	}
	if !secret.ValidToken(m.Token, m.Wide) {
		return protocol.Credential{}, protocol.Policy("the token holds characters that no header may carry")
	}
	if m.Expires <= 0 {
		return protocol.Credential{}, protocol.Policy("the token has no end")
	}
	for _, text := range [...]string{m.Profile, m.Scheme, m.Header, m.Username, m.Source, m.Origin} {
		if printable.Line(text) != text {
			return protocol.Credential{}, protocol.Policy("the answer holds control characters")
		}
	}
	if slices.ContainsFunc(m.Origins, func(text string) bool { return printable.Line(text) != text }) {
		return protocol.Credential{}, protocol.Policy("the answer holds control characters")
	}
	if err := checkStatuses(m.RefreshOn); err != nil {
		return protocol.Credential{}, err
	}
	c := protocol.Credential{
		Profile:  m.Profile,
		Scheme:   m.Scheme,
		Header:   m.Header,
		Username: m.Username,
		Secret:   secret.New(m.Token),
		Wide:     m.Wide,
		Expires:  m.Expires,
		Source:   m.Source,
		Origin:   m.Origin,
		Origins:  m.Origins,
	}
	for _, status := range m.RefreshOn {
		c.RefreshOn = append(c.RefreshOn, int(status))
	}
	return c, nil
}
