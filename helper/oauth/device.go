package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/credhelper/credhelper/protocol/secret"
)

// The times of RFC 8628, if the server states none or an unreasonable one.
const (
	deviceInterval = 5 * time.Second  // 3.2: the default, and the increment of slow_down (3.5)
	devicePause    = time.Minute      // the longest interval
	deviceLife     = 15 * time.Minute // the lifetime of a code if the server states none
	deviceLongest  = time.Hour
)

// Device is a sign-in that a person completes on another device (RFC 8628 3.2). Its
// texts are printable ASCII.
type Device struct {
	UserCode string        // what to type there
	Address  string        // where: https, or http to a loopback literal
	Complete string        // the same with the code in it, for a QR code; "" if there is none
	Expires  time.Time     // when the code expires
	Interval time.Duration // between two requests, 1 s to 60 s

	code secret.Text
}

// Device starts a sign-in on another device at the device authorization endpoint. Its
// errors are *Error.
func (c *Client) Device(ctx context.Context, deviceURL string) (*Device, error) {
	form := url.Values{}
	for _, f := range withScope(nil, c.Scopes) {
		form.Set(f[0], f[1])
	}
	c.addCommon(form)
	sent := c.now()
	a, failure := c.post(ctx, "device_url", deviceURL, form)
	if failure != nil {
		return nil, failure
	}
	c = c.sending(form)
	value, failure := a.object(deviceURL)
	if failure != nil {
		return nil, failure
	}
	d := &Device{
		UserCode: c.foreign(textOf(value, "user_code")),
		Address:  textOf(value, "verification_uri"),
		Complete: textOf(value, "verification_uri_complete"),
		Interval: deviceInterval,
		code:     secret.New(textOf(value, "device_code")),
	}
	if d.Address == "" { // Google's spelling, from a draft of the RFC
		d.Address = textOf(value, "verification_url")
	}
	// A negative interval would make x/oauth2 panic, and 0 would cause a request storm.
	if n := secondsOf(value, "interval"); n > 0 {
		d.Interval = min(time.Duration(min(n, 60))*time.Second, devicePause)
	}
	life := deviceLife
	if n := secondsOf(value, "expires_in"); n > 0 {
		life = min(time.Duration(min(n, 3600))*time.Second, deviceLongest)
	}
	d.Expires = sent.Add(life)
	if reason := d.unusable(); reason != "" {
		e := a.malformed(flaw{reason: reason, cure: cureEndpoint})
		e.URL = endpoint(deviceURL)
		return nil, e
	}
	return d, nil
}

// unusable returns what a person cannot use (A8).
func (d *Device) unusable() string {
	switch {
	case usable("device code", d.code) != nil:
		return "no device_code"
	case d.UserCode == "":
		return "no user_code"
	case badPage(d.Address):
		return "a verification_uri that is no https address"
	}
	if badPage(d.Complete) {
		d.Complete = ""
	}
	return ""
}

// badPage reports whether an address must not be shown to a person or opened: it is not
// https (or http to a loopback address), or could control a terminal.
func badPage(address string) bool {
	u, err := url.Parse(address)
	return err != nil || u.User != nil || u.Hostname() == "" || len(address) > 2048 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) ||
		u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname()))
}

// Poll asks until the person has finished or refused, or the code has expired (RFC 8628
// 3.4, 3.5). Network failures lengthen the interval, as slow_down does (A8).
// "access_denied" may also mean a code that the server does not know any more. Its
// errors are *Error.
func (c *Client) Poll(ctx context.Context, d *Device) (*Token, error) {
	client := *c
	client.Grant, client.Use = deviceCode.Name, Use{Device: d.code}
	if err := client.Check(); err != nil {
		return nil, err
	}
	interval, began := d.Interval, client.now()
	for tries := 1; ; tries++ {
		if client.now().Add(interval).After(d.Expires) {
			return nil, &Error{Kind: Refused, Code: "expired_token", Reason: "nobody signed in before the code ended", URL: endpoint(c.TokenURL), Tries: tries - 1}
		}
		if client.sleep(ctx, interval) != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, &Error{Kind: Refused, Reason: "nobody signed in within " + client.now().Sub(began).Round(time.Second).String(), Tries: tries - 1}
			}
			return nil, &Error{Kind: Unreachable, Reason: "cancelled", cause: context.Cause(ctx), Tries: tries - 1}
		}
		token, failure := client.try(ctx)
		if failure == nil {
			token.Tries = tries
			return token, nil
		}
		failure.Tries = tries
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, failure
		case failure.Code == "authorization_pending":
		case failure.Code == "slow_down":
			interval = min(interval+deviceInterval, devicePause)
		case failure.Kind == Unreachable:
			interval = min(max(2*interval, failure.RetryAfter), devicePause)
		default:
			return nil, failure
		}
	}
}

// addCommon adds the fields that the first request of every sign-in may have.
func (c *Client) addCommon(form url.Values) {
	for _, r := range c.Resource {
		form.Add("resource", r)
	}
	if c.Audience != "" {
		form.Set("audience", c.Audience)
	}
	for _, p := range c.Params {
		form.Add(p[0], p[1])
	}
}
