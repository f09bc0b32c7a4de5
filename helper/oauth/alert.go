package oauth

import (
	"crypto/tls"
	"net"
	"reflect"
)

// alertKind classifies the TLS alerts of the other side.
type alertKind uint8

const (
	aboutCertificate alertKind = iota + 1 // the client's
	aboutAgreement                        // versions, ciphers, names: permanent
	aboutAccident                         // garbled bytes, a server in trouble: may pass
)

// alerts are those of RFC 8446 6.2, and of RFC 5246 7.2.2 that older servers send.
var alerts = map[tls.AlertError]struct {
	kind alertKind
	says string
}{
	10:  {aboutAccident, "unexpected message"},
	20:  {aboutAccident, "bad record MAC"},
	21:  {aboutAccident, "decryption failed"},
	22:  {aboutAccident, "record overflow"},
	30:  {aboutAccident, "decompression failure"},
	40:  {aboutAgreement, "nothing that both sides accept"},
	42:  {aboutCertificate, "it is damaged or not acceptable"},
	43:  {aboutCertificate, "it is of a kind that is not supported"},
	44:  {aboutCertificate, "it was revoked"},
	45:  {aboutCertificate, "it has expired"},
	46:  {aboutCertificate, "it is not acceptable"},
	47:  {aboutAccident, "illegal parameter"},
	48:  {aboutCertificate, "it is from a CA that the server does not know"},
	49:  {aboutCertificate, "it is not allowed in"},
	50:  {aboutAccident, "decode error"},
	51:  {aboutCertificate, "its signature does not hold"},
	60:  {aboutAgreement, "export restriction"},
	70:  {aboutAgreement, "no version of TLS that is still safe"},
	71:  {aboutAgreement, "it wants other ciphers"},
	80:  {aboutAccident, "internal error"},
	86:  {aboutAgreement, "inappropriate fallback"},
	90:  {aboutAccident, "cancelled"},
	100: {aboutAgreement, "no renegotiation"},
	109: {aboutAgreement, "missing extension"},
	110: {aboutAgreement, "unsupported extension"},
	111: {aboutCertificate, "it could not be obtained"},
	112: {aboutAgreement, "it does not know this host's name"},
	113: {aboutAgreement, "bad certificate status response"},
	114: {aboutCertificate, "its hash does not hold"},
	115: {aboutAgreement, "unknown identity"},
	116: {aboutCertificate, "none was shown"},
	120: {aboutAgreement, "it does not speak HTTP/1.1"},
}

// remoteAlert returns the alert with which the other side ended TLS. crypto/tls wraps a
// number of an unexported type in a net.OpError "remote error"; its exported AlertError
// is for QUIC and never used with TCP.
func remoteAlert(err error) (tls.AlertError, bool) {
	op := opError(err, "remote error")
	if op == nil {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return tls.AlertError(v.Uint()), true
}

// opError finds the net.OpError of one operation among those that err wraps.
func opError(err error, op string) *net.OpError {
	for err != nil {
		if e, ok := err.(*net.OpError); ok && e.Op == op {
			return e
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return nil
		}
		err = u.Unwrap()
	}
	return nil
}

// The advice about a client's certificate.
const (
	showCertificate  = "the server lets nobody in without a client certificate: client_cert (credhelper edit {profile})"
	checkCertificate = "show the certificate that the server was given: credhelper edit {profile}"
)

// explainAlert explains what the other side rejected. A TLS 1.3 server checks the
// client's certificate after its side of the handshake, so the alert may come instead
// of the response.
func (x *exchange) explainAlert(e *Error, who string, alert tls.AlertError) {
	e.Kind = Untrusted
	a := alerts[alert]
	switch {
	case alert == 116, (a.kind == aboutCertificate || alert == 40) && x.wanted.Load() && !x.shown.Load():
		e.Reason, e.Cure = who+" wants a client certificate, and none was shown", showCertificate
	case a.kind == aboutCertificate && x.shown.Load():
		e.Reason, e.Cure = who+" refuses the client's certificate: "+a.says, checkCertificate
	case a.kind == aboutAccident:
		e.Kind, e.Reason, e.again = Unreachable, who+" broke TLS off: "+a.says, x.mayAsk || !x.written.Load()
	case a.kind == aboutAgreement:
		e.Reason = who + " refuses TLS: " + a.says
	default:
		e.Reason = who + " refuses TLS"
	}
}
