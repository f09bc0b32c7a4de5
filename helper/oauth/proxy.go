package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhelper/credhelper/protocol/printable"
)

// proxyAnswer is a proxy's answer to CONNECT that is not 200.
type proxyAnswer struct{ status int }

func (*proxyAnswer) Error() string { return "the proxy says no" }

// connected looks at the answer to CONNECT: net/http would make a text of it.
func connected(ctx context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &proxyAnswer{resp.StatusCode}
	}
	if p := progressOf(ctx); p != nil {
		p.through.Store(true)
		p.wanted.Store(false) // that was the proxy
		p.shown.Store(false)
	}
	return nil
}

const (
	proxyPassword = "write user name and password into HTTPS_PROXY, percent-encoded: http://USER:PASSWORD@HOST:PORT"
	proxyAddress  = "is this the right proxy? It is named by proxy or HTTPS_PROXY: credhelper show {profile} --full"
)

// explainProxy is for what broke on the way to a proxy or was refused by it. It
// names the proxy, without user and password. Nothing was sent to the server, so
// asking again does no harm; but a wrong password is not sent twice, because
// domain accounts are locked for that (A12).
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
	case socks != nil && strings.HasSuffix(socks.Err.Error(), "authentication failed"):
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

// explainRefusal is a proxy's status.
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
	default: // 511, a redirect to a page where one signs in to the network
		e.Reason, e.Cure = name+" lets no connection through", "does this network want a sign-in in a browser first?"
	}
}

// BadProxy is the error of a proxy's address that cannot be read, for what
// HTTPOptions.Proxy returns.
func BadProxy(reason string) error {
	return &Error{Kind: Policy, Reason: reason, Cure: "mend the variable, or name the proxy in the profile (proxy, or \"none\"): credhelper edit {profile}"}
}
