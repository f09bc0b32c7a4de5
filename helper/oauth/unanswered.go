package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

type tlsState = tls.ConnectionState

// unanswered explains why there is no answer at all, in our own words: net/http
// puts what it read, proxy passwords and addresses into its texts. It also
// decides about another try: nothing was sent, or asking twice does no harm
// (A9, A10).
func (x *exchange) unanswered(ctx context.Context, err error) *Error {
	e := &Error{Kind: Unreachable}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Reason, e.cause = "cancelled", context.Canceled
	case x.handshake.Load() != nil:
		x.explainHandshake(e, *x.handshake.Load())
	case x.written.Load():
		x.explainLoss(ctx, e, err)
	default:
		x.explainDial(ctx, e, err)
	}
	return e
}

// explainDial is for connections that never came to be. No octet was sent.
func (x *exchange) explainDial(ctx context.Context, e *Error, err error) {
	var dns *net.DNSError
	var op *net.OpError
	e.again = true
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Reason = "no such host"
	case errors.As(err, &dns):
		e.Reason = "the host's name could not be resolved"
	case ctx.Err() != nil || timedOut(err):
		e.Reason, e.cause = "no connection in time", context.DeadlineExceeded
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		e.Reason = "no connection" + errnoText(err)
	default: // a proxy that says no, a certificate of its own: it will say so again
		e.Reason, e.again = "no connection", false
		if x.connected.Load() {
			e.Reason = "the proxy lets no connection through"
		}
	}
}

// explainHandshake is for TLS. A server that cannot be verified stays so; only
// silence and a broken connection are worth another try (A9). No octet of the
// request was sent (T11).
func (x *exchange) explainHandshake(e *Error, err error) {
	if lost(err) || timedOut(err) {
		e.Reason, e.again = "the TLS handshake broke off", true
		return
	}
	e.Kind = Untrusted
	e.Reason = untrusted(err)
}

// untrusted names what is wrong with the server's TLS.
func untrusted(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.Is(err, errPin):
		return "the server's certificate has none of the pinned keys"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not yet valid"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "the server's certificate is not for servers"
	case errors.As(err, &host):
		return "the server's certificate is for another host"
	case errors.As(err, &authority):
		return "the server's certificate is signed by an unknown authority"
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case errors.As(err, &alert):
		return "the server refused the TLS handshake"
	case strings.Contains(err.Error(), "protocol version"):
		return "the server only offers TLS versions that are no longer safe"
	}
	return "the server's certificate or TLS version is not acceptable"
}

// explainLoss is for requests that left and were not answered.
func (x *exchange) explainLoss(ctx context.Context, e *Error, err error) {
	var alert tls.AlertError
	switch {
	case ctx.Err() != nil || timedOut(err):
		e.Reason, e.again, e.cause = "no answer in time", x.mayAsk, context.DeadlineExceeded
	case errors.As(err, &alert):
		e.Kind, e.Reason = Untrusted, "the server refused our side of TLS"
	case lost(err):
		e.Reason, e.again = "the connection broke before an answer", x.mayAsk
	default: // garbage, HTTP/2, too many or too long headers, a storm of 1xx
		e.Kind, e.Reason = Malformed, "the answer is not acceptable HTTP/1.1"
	}
}

// lost tells whether the connection ended under us.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// errnoText is the operating system's own word for it, which holds no address.
func errnoText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return ": " + errno.Error()
	}
	return ""
}
