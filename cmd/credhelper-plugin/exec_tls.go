package main

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/inner"
	"github.com/credhelper/credhelper/cmd/internal/tokenfile"
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/guest/ca"
	"github.com/credhelper/credhelper/protocol/printable"
)

// A private door with TLS has a CA of its own, whose key is in memory only: nobody but the
// command has to trust it, and nothing of it is left to be misused. So it needs no keyring,
// and no person who makes the CA of the home first.

// trusting are the variables that name a file of root certificates, each with the one by
// which the same program finds them otherwise.
var trusting = [...]struct{ name, otherwise string }{
	{"SSL_CERT_FILE", ""},
	{"CURL_CA_BUNDLE", "SSL_CERT_FILE"},
	{"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"},
	{"NODE_EXTRA_CA_CERTS", ""},
}

// systemRoots are the files in which systems have their root certificates.
var systemRoots = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch Linux, Alpine
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/ssl/cert.pem",                                 // macOS, FreeBSD
}

// secureExec returns the TLS of a private door, and the variables by which the command
// trusts it, in addition to the servers that it trusts now. The files that they name are
// removed by remove.
func (p *plugin) secureExec(hosts hosts) (secured *tls.Config, trust []variable, remove func(), err error) {
	authority, err := ca.New(nil, time.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	r := &ca.Renewer{Now: time.Now, At: []netip.Addr{hosts.at}, Authority: func() (*ca.Authority, error) { return authority, nil }}
	dirs, err := inner.Dirs(p.environ)
	if err != nil {
		return nil, nil, nil, err
	}
	first, remove, _, err := tokenfile.New(dirs) // certificates may be on a disk, too
	if err != nil {
		return nil, nil, nil, err
	}
	of, written := cache.Variables(p.environ), map[string]string{}
	for _, v := range trusting {
		from := of(v.name)
		if from == "" && v.otherwise != "" {
			from = of(v.otherwise)
		}
		if written[from] == "" {
			file := tokenfile.File{Path: filepath.Join(filepath.Dir(first.Path), "roots"+strconv.Itoa(len(written))+".pem")}
			content, err := roots(from)
			if err == nil {
				err = file.Write(append(content, authority.PEM()...))
			}
			if err != nil {
				remove()
				return nil, nil, nil, policy("--tls: " + printable.Line(err.Error()))
			}
			written[from] = file.Path
		}
		trust = append(trust, variable{v.name, written[from]})
	}
	return r.Config(), trust, remove, nil
}

// mostRoots is the maximum size in bytes of a file of root certificates.
const mostRoots = 8 << 20

// roots returns the certificates in a file; "" is the system's.
func roots(path string) ([]byte, error) {
	if path == "" {
		for _, path := range systemRoots {
			if _, err := os.Stat(path); err == nil {
				return roots(path)
			}
		}
		return nil, policy("no file with the root certificates of this system was found: name it in SSL_CERT_FILE")
	}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > mostRoots) { // a pipe would make us wait
		err = policy(path + " is not a file of certificates")
	}
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			return b.Bytes(), nil
		}
		if block.Type == "CERTIFICATE" { // and no key that may be beside it
			block.Headers = nil
			_ = pem.Encode(&b, block) // into memory
		}
	}
}
