package oauth

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
)

// unanswered explains in our own words why there is no response: net/http's texts
// contain what it read, proxy passwords and addresses. It also decides whether to
// repeat the request: nothing was sent, or repeating does no harm (A9, A10).
func (x *exchange) unanswered(ctx context.Context, err error) *Error {
	var own *Error // a proxy that cannot be parsed
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Kind: Unreachable}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Reason, e.cause = "cancelled", context.Canceled
	case x.proxy.Load() != nil && !x.through.Load():
		x.explainProxy(ctx, e, err)
	case x.handshake.Load() != nil:
		x.explainHandshake(e, *x.handshake.Load())
	case x.written.Load():
		x.explainLoss(ctx, e, err)
	default:
		explainDial(ctx, e, "", err)
	}
	return e
}

const notHTTP = "the answer is not acceptable HTTP/1.1"

// explainDial explains a failed connection. No byte was sent. to is " to the proxy
// NAME", or "" for the server.
func explainDial(ctx context.Context, e *Error, to string, err error) {
	var dns *net.DNSError
	e.again = true
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Reason, e.Down = "no connection"+to+": no such host", true
	case errors.As(err, &dns):
		e.Reason = "no connection" + to + ": the name could not be resolved"
	case ctx.Err() != nil || timedOut(err):
		e.Reason, e.cause = "no connection"+to+" in time", context.DeadlineExceeded
	default:
		e.Reason, e.Down = "no connection"+to+errnoText(err), ConnectionRefused(err)
	}
}

// explainLoss explains why a request that was sent got no response.
func (x *exchange) explainLoss(ctx context.Context, e *Error, err error) {
	alert, alerted := remoteAlert(err)
	switch {
	case ctx.Err() != nil || timedOut(err):
		e.Reason, e.again, e.Lost, e.cause = "no answer in time", x.mayAsk, x.once, context.DeadlineExceeded
	case alerted:
		x.explainAlert(e, "the server", alert)
	case lost(err), !x.answered.Load(): // net/http has own errors for a connection that ends early
		e.Reason, e.again, e.Lost = "the connection broke before an answer", x.mayAsk, x.once
		if x.wanted.Load() && !x.shown.Load() {
			e.Reason, e.Cure = e.Reason+", and the server had asked for a client certificate", showCertificate
		}
	default: // garbage, HTTP/2, too many or too long headers, too many 1xx
		e.Kind, e.Reason = Malformed, notHTTP
	}
}

// lost reports whether the connection was closed by the other side or the network.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errConnReset) ||
		errors.Is(err, errPipe) || errors.Is(err, errConnAborted)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// ConnectionRefused reports whether err says that nothing listens at an address. The
// number that Windows gives is not syscall.ECONNREFUSED.
func ConnectionRefused(err error) bool { return errors.Is(err, errConnRefused) }

// errnoText returns the operating system's error text, which contains no address.
func errnoText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return ": " + errnoName(errno)
	}
	return ""
}
