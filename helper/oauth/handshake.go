package oauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
)

// explainHandshake explains a failed TLS handshake. A server that cannot be verified
// stays so; only silence, a broken connection and a server in trouble are worth another
// attempt (A9). No byte of the request was sent (T11).
func (x *exchange) explainHandshake(e *Error, err error) {
	if alert, alerted := remoteAlert(err); alerted {
		x.explainAlert(e, "the server", alert)
		return
	}
	if lost(err) || timedOut(err) {
		e.Reason, e.again = "the TLS handshake broke off", true
		return
	}
	e.Kind = Untrusted
	e.Reason, e.Cure = untrusted("the server", err)
	switch {
	case e.Cure != nameAuthority:
	case x.ownRoots():
		e.Cure = checkAuthority
	case noRoots():
		e.Cure = installAuthorities
	}
}

// noRoots reports whether the system trusts no CA at all, as a minimal image or a newly
// installed Debian without the package ca-certificates.
func noRoots() bool {
	pool, err := x509.SystemCertPool()
	return err == nil && pool.Equal(x509.NewCertPool())
}

// ownRoots reports whether the profile sets its CAs.
func (x *exchange) ownRoots() bool {
	t, known := x.base.(*http.Transport)
	return known && t.TLSClientConfig != nil && t.TLSClientConfig.RootCAs != nil
}

const (
	nameAuthority = "if the certificate comes from your own CA, name its file as ca_file (for add: --ca-file FILE): credhelper edit {profile}; " +
		"if not, somebody is in between, such as the sign-in page of a guest network"
	checkAuthority     = "ca_file replaces the system's CAs: is it the right file? credhelper edit {profile}"
	installAuthorities = "this system trusts no CA at all: install the package ca-certificates"
	nameHost           = "is this the server's address? credhelper edit {profile}; a guest network's sign-in page also looks so"
	checkPort          = "is the port the right one? credhelper edit {profile}; only a server on 127.0.0.1 or [::1] may be asked with http://"
	checkClock         = "is this machine's clock right? If it is, the certificate has to be renewed there"
)

// untrusted explains what is wrong with the TLS of who, and what to do about it.
func untrusted(who string, err error) (reason, advice string) {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errPin):
		return who + "'s certificate has none of the pinned keys", ""
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return who + "'s certificate has expired or is not yet valid", checkClock
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return who + "'s certificate is not for servers", ""
	case errors.As(err, &host):
		return who + "'s certificate is for another host", nameHost
	case errors.As(err, &authority):
		return who + "'s certificate is signed by an unknown CA", nameAuthority
	case errors.As(err, &record):
		return who + " does not speak TLS", checkPort
	case errors.As(err, &verification):
		return who + "'s certificate is not acceptable", ""
	}
	// crypto/tls has only a text for each of the others: an old version or cipher that
	// we did not offer, mostly.
	return who + " offers no TLS that is safe: an old version, or a handshake that breaks the rules", ""
}
