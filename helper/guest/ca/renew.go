package ca

import (
	"crypto/tls"
	"net/netip"
	"sync"
	"time"
)

// Renewer has the certificate of a server that runs for long, and renews it in the middle
// of its time. Its key exists in memory only. It must not be copied.
type Renewer struct {
	// Authority returns the authority, for one certificate at a time, so that its key is
	// not kept in memory.
	Authority func() (*Authority, error)
	Now       func() time.Time
	At        []netip.Addr // further loopback addresses that it is for

	mu    sync.Mutex
	leaf  *tls.Certificate
	tried time.Time
	err   error // of the last try
	busy  bool
}

// A renewal that failed is tried again after a minute, and after a second if there is no
// valid certificate any more: everybody can begin a handshake, and the keyring is not
// asked for each.
const (
	retryTime       = time.Minute
	retryWithoutOne = time.Second
)

// Config returns the server's side of TLS: 1.2 or later, and HTTP/1.1.
func (r *Renewer) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.Certificate() },
	}
}

// Certificate returns the certificate. Clients wait for a new one only if there is no
// valid one.
func (r *Renewer) Certificate() (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	switch {
	case r.leaf == nil, now.Before(r.leaf.Leaf.NotBefore), !now.Before(r.leaf.Leaf.NotAfter):
		if r.err != nil && now.Sub(r.tried) < retryWithoutOne {
			return nil, r.err
		}
		r.tried = now
		var leaf *tls.Certificate
		if leaf, r.err = r.issue(now); r.err != nil {
			return nil, r.err
		}
		r.leaf = leaf
	case !r.busy && now.After(middle(r.leaf)) && now.Sub(r.tried) >= retryTime:
		r.busy, r.tried = true, now
		go r.renew(now)
	}
	return r.leaf, nil
}

// middle returns when half of a certificate's time is over.
func middle(c *tls.Certificate) time.Time {
	return c.Leaf.NotAfter.Add(-c.Leaf.NotAfter.Sub(c.Leaf.NotBefore) / 2)
}

func (r *Renewer) renew(now time.Time) {
	leaf, err := r.issue(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy = false; err == nil {
		r.leaf = leaf
	}
}

func (r *Renewer) issue(now time.Time) (*tls.Certificate, error) {
	a, err := r.Authority()
	if err != nil {
		return nil, err
	}
	return a.Leaf(now, r.At...)
}
