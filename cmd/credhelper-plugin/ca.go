package main

import (
	"context"
	"crypto/tls"
	"net/netip"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/helper/guest/ca"
	"github.com/credhelper/credhelper/protocol/printable"
)

// ca prints the certificate that programs have to trust, and makes the CA of this home if
// there is none, or if another one was asked for.
func (p *plugin) ca(argument string) error {
	var call inner.CACall
	if err := inner.ReadArgument(argument, &call); err != nil {
		return err
	}
	h, err := p.open("proxy")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lendTime)
	defer cancel()
	authority := guest.ServingAuthority
	if call.New {
		authority = guest.NewAuthority
	}
	a, err := authority(ctx, h, call.Names, time.Now())
	if err != nil {
		return err
	}
	if err := p.print(string(a.PEM())); err != nil {
		return err
	}
	names := ""
	if list := a.Names(); len(list) > 0 {
		names = ", " + strings.Join(list, ", ")
	}
	inner.Say(p.stderr, "This CA is for loopback"+names+" only, and ends on "+a.Ends().Format(time.DateOnly)+".")
	if call.New {
		inner.Say(p.stderr, "Start credhelper proxy again: until then it has a certificate of the former one.")
	}
	for line := range strings.Lines(trustWays) {
		inner.Say(p.stderr, strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// trustWays says how programs are told to trust the CA. They are tried in the tests.
const trustWays = `Write it into a file, credhelper proxy ca > door-ca.pem, and tell each guest:
  Node.js     NODE_EXTRA_CA_CERTS=door-ca.pem
  curl        CURL_CA_BUNDLE=door-ca.pem, or --cacert door-ca.pem
  requests    REQUESTS_CA_BUNDLE=door-ca.pem
  Go, OpenSSL SSL_CERT_FILE=door-ca.pem
  git         git config --global http.https://127.0.0.1:7717/.sslCAInfo door-ca.pem
  Java        keytool -importcert -noprompt -alias credhelper -file door-ca.pem -keystore door.p12 -storepass changeit
              java -Djavax.net.ssl.trustStore=door.p12 -Djavax.net.ssl.trustStorePassword=changeit
But for Node.js and git, nothing else is trusted then: credhelper help door says how to trust both.`

// secure returns the TLS of a door with these hosts, with its first certificate. Later
// ones are made while it is served; if that fails it is said on stderr.
func (p *plugin) secure(h *helper.Helper, hosts hosts) (*tls.Config, error) {
	serving := false
	r := &ca.Renewer{Now: time.Now, At: []netip.Addr{hosts.at}}
	r.Authority = func() (*ca.Authority, error) {
		ctx, cancel := context.WithTimeout(context.Background(), lendTime)
		defer cancel()
		a, err := guest.ServingAuthority(ctx, h, hosts.names, time.Now())
		switch {
		case err != nil && serving:
			inner.Say(p.stderr, "credhelper: no new certificate for the door: "+printable.Line(err.Error()))
		case err == nil && guest.EndsSoon(a, time.Now()):
			inner.Say(p.stderr, "credhelper: the door's CA ends on "+a.Ends().Format(time.DateOnly)+"; "+guest.NewCA)
		}
		return a, err
	}
	_, err := r.Certificate()
	serving = true
	return r.Config(), err
}
