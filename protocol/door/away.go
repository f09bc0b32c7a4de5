package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// errAway: the API has not answered, but may later. It is the API's failure: 502.
var errAway = fmt.Errorf("the API does not answer: %w", protocol.ErrUnreachable)

// away explains in our own words why a profile's API has not answered: net/http's texts
// contain addresses and what it read. An error that is ours already stays.
func away(g *Guest, err error) error {
	if errors.As(err, new(*protocol.Error)) || errors.Is(err, context.Canceled) || errors.Is(err, ErrClaim) {
		return err
	}
	return &protocol.Error{Kind: errAway, Text: printable.Line(unanswered(g.API.host, err)),
		Hint: "try again later; if it stays: credhelper doctor " + g.Profile}
}

// unanswered says why a request to a host has no response.
func unanswered(host string, err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var errno syscall.Errno
	var timeout net.Error
	none := "no connection to " + host
	dialed := errors.As(err, &op) && op.Op != "read" && op.Op != "write"
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return none + ": no such host"
	case errors.As(err, &dns):
		return none + ": the name could not be resolved"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return none + ": its certificate is not one that is trusted here"
	case errors.As(err, &timeout) && timeout.Timeout():
		return none + " in time"
	case dialed && errors.As(err, &errno):
		return none + ": " + errno.Error()
	case dialed:
		return none
	case errors.As(err, &errno), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection to " + host + " broke before an answer"
	}
	return "the answer of " + host + " is not acceptable HTTP/1.1"
}
