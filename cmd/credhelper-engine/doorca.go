package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/guest/ca"
	"github.com/credhelper/credhelper/helper/trust"
)

// doorCATrouble warns that guests need another CA of the door; zero if they do not.
func (s *session) doorCATrouble(a *ca.Authority) guestTrouble {
	ends := a.Ends().Format(time.DateOnly)
	switch {
	case !s.now().Before(a.Ends()):
		return guestTrouble{"the door's CA ended on " + ends, guest.NewCA}
	case guest.EndsSoon(a, s.now()):
		return guestTrouble{"the door's CA ends on " + ends, guest.NewCA}
	}
	return guestTrouble{}
}

// sayDoorCA warns that the door's CA ends.
func (s *session) sayDoorCA(ctx context.Context, h *helper.Helper) {
	if a, err := guest.Authority(ctx, h); err == nil && a != nil {
		if t := s.doorCATrouble(a); t.text != "" {
			s.say("Note: " + t.text + "; " + t.mend)
		}
	}
}

// trustVariables say to programs which CAs to trust.
var trustVariables = [...]string{"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}

// doorCA checks the door's CA, if there is one, and whether programs that are started here
// would trust it.
func (x *examination) doorCA(a *ca.Authority) {
	if t := x.doorCATrouble(a); t.text != "" {
		x.add("door", warn, t.text, t.mend)
	}
	for _, name := range trustVariables {
		file := x.env(name)
		if file == "" {
			continue
		}
		const most = 4 << 20
		content, err := trust.ReadProvided(file, most)
		if err != nil {
			x.add("door", note, name+": "+err.Error(), "")
			continue
		}
		switch present, former := a.In(content); {
		case present:
			x.add("door", good, "its CA is in the file of "+name, "")
		case former:
			x.add("door", warn, "the file of "+name+", "+file+", has a former CA of the door, and not the present one", "add it: credhelper proxy ca >> "+file)
		default:
			x.add("door", note, "programs that are started here and read "+name+" do not trust the door: its CA is not in "+file, "if they use it, add it: credhelper proxy ca >> "+file)
		}
	}
}

// answersTLS asks who listens at an address, if the door has a CA. It sends nothing.
func answersTLS(address string, a *ca.Authority) int {
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}, Config: &tls.Config{RootCAs: a.Pool(), MinVersion: tls.VersionTLS12}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		c.Close()
		return doorAnswers
	}
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 &&
		strings.HasPrefix(unverified.UnverifiedCertificates[0].Issuer.CommonName, ca.CommonName) {
		return formerAnswers
	}
	return otherAnswers
}
