package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"

	"github.com/credhelper/credhelper/protocol/printable"
)

// proxyAnswer is the status of a proxy's response to CONNECT if it is not 200.
type proxyAnswer struct{ status int }

func (*proxyAnswer) Error() string { return "the proxy says no" }

// connected reads the response to CONNECT, of which net/http would only keep a text.
func connected(ctx context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &proxyAnswer{resp.StatusCode}
	}
	if p := progressOf(ctx); p != nil {
		p.through.Store(true)
		p.wanted.Store(false) // that was the proxy's
		p.shown.Store(false)
	}
	return nil
}

const (
	proxyPassword = "write user name and password into HTTPS_PROXY, percent-encoded: http://USER:PASSWORD@HOST:PORT"
	proxyAddress  = "is this the right proxy? It is named by proxy or HTTPS_PROXY: credhelper show {profile} --full"
)

// explainProxy explains a failure to reach a proxy, or a refusal by it. It names the
// proxy without user and password. Nothing was sent to the server, so the request can
// be repeated; but a wrong password is not sent twice, because that locks domain
// accounts (A12).
func (x *exchange) explainProxy(ctx context.Context, e *Error, err error) {
	proxy := x.proxy.Load()
	name := "the proxy " + printable.Value(proxy.Host)
	e.Cure = proxyAddress
	var answer *proxyAnswer
	var record tls.RecordHeaderError
	alert, alerted := remoteAlert(err)
	socks := opError(err, "socks connect")
	switch {
	case errors.As(err, &answer):
		explainRefusal(e, proxy, name, answer.status)
	case socks != nil && x.password.Load():
		explainRefusal(e, proxy, name, http.StatusProxyAuthRequired)
	case socks != nil:
		e.Reason, e.again = name+" lets no connection through", true
	case alerted:
		x.explainAlert(e, name, alert)
	case x.handshake.Load() != nil && errors.As(*x.handshake.Load(), &record):
		e.Kind, e.Reason, e.Cure = Untrusted, name+" does not speak TLS", "write its address with http://: TLS to the server goes through it"
	case x.handshake.Load() != nil && !lost(err) && !timedOut(err) && ctx.Err() == nil:
		e.Kind = Untrusted
		e.Reason, _ = untrusted(name, *x.handshake.Load())
	case x.connected.Load() && lost(err):
		e.Reason, e.again = name+" broke the connection off", true
	case x.connected.Load() && (ctx.Err() != nil || timedOut(err)):
		e.Reason, e.again, e.cause = name+" did not answer in time", true, context.DeadlineExceeded
	case x.connected.Load():
		e.Reason = name + " does not answer as a proxy"
	default:
		explainDial(ctx, e, " to "+name, err)
	}
}

// explainRefusal explains a proxy's status.
func explainRefusal(e *Error, proxy *url.URL, name string, status int) {
	e.Status, e.Proxy = status, printable.Value(proxy.Host)
	switch {
	case status == http.StatusProxyAuthRequired:
		e.Kind, e.Reason, e.Cure = Refused, name+" wants a user name and password", proxyPassword
		if proxy.User != nil {
			e.Reason = name + " refuses the user name or password that it was shown"
		}
	case later(status):
		e.Reason, e.again = name+" reaches the server not now", true
	case status >= 400 && status < 500:
		e.Kind, e.Reason = Refused, name+" refuses to connect to the server"
	default: // 511, a redirect to a captive portal
		e.Reason, e.Cure = name+" lets no connection through", "does this network want a sign-in in a browser first?"
	}
}

// BadProxy returns the error for a proxy's address that cannot be parsed, for the
// function HTTPOptions.Proxy.
func BadProxy(reason string) error {
	return &Error{Kind: Policy, Reason: reason, Cure: "mend the variable, or name the proxy in the profile (proxy, or \"none\"): credhelper edit {profile}"}
}
