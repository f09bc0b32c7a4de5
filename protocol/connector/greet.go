package connector

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/yamux"
)

// This file is what goplugin.Serve does before it serves: the socket, mutual TLS and the
// greeting. Serve itself also speaks net/rpc, which looks up methods by name, so that the
// linker keeps every exported method of all that is linked: 2.8 MB.

// listen opens the socket: in the directory, or on Windows a port of this machine. The
// name in the directory is short, as a socket's path must be.
func listen(dir string) (net.Listener, error) {
	if runtime.GOOS == "windows" {
		return listenPort()
	}
	return net.Listen("unix", filepath.Join(dir, "plugin"+rand.Text()[:10]))
}

// listenPort opens the first free port of those that the host allows.
func listenPort() (net.Listener, error) {
	least, most := port("PLUGIN_MIN_PORT"), port("PLUGIN_MAX_PORT")
	for p := least; ; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err == nil || p >= most {
			return l, err
		}
	}
}

// port returns a port that the host names in a variable; 0, which is any, if it does not.
func port(variable string) int {
	p, _ := strconv.ParseUint(os.Getenv(variable), 10, 16)
	return int(p)
}

// certificate returns a key and a certificate for this run only. Its name is the one that
// go-plugin's hosts expect.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "localhost"},
		DNSNames:              []string{"localhost"},
		NotBefore:             now.Add(-30 * time.Second),
		NotAfter:              now.AddDate(30, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// mutual returns the TLS settings of a plugin with a certificate, for one host.
func mutual(own tls.Certificate, host *x509.Certificate) *tls.Config {
	hosts := x509.NewCertPool()
	hosts.AddCert(host)
	return &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: hosts, MinVersion: tls.VersionTLS12}
}

// envMultiplex is set by a host that can use one connection for everything; if true it
// does (go-plugin's GRPCBrokerMultiplex). A host that does not set it expects six fields.
const envMultiplex = "PLUGIN_MULTIPLEX_GRPC"

// greeting is the line that tells the host where and as whom the plugin listens.
func greeting(version int, at net.Addr, own tls.Certificate) string {
	fields := []string{
		strconv.Itoa(goplugin.CoreProtocolVersion), strconv.Itoa(version), at.Network(), at.String(), string(goplugin.ProtocolGRPC),
		base64.RawStdEncoding.EncodeToString(own.Certificate[0]),
	}
	if os.Getenv(envMultiplex) != "" {
		fields = append(fields, "true")
	}
	return strings.Join(fields, "|") + "\n"
}

// streamListener accepts the streams of one connection, the first.
type streamListener struct {
	net.Listener
	session func() (*yamux.Session, error) // waits for the connection
}

// multiplex returns l, or a streamListener over it if the host wants that.
func multiplex(l net.Listener) net.Listener {
	if wanted, _ := strconv.ParseBool(os.Getenv(envMultiplex)); !wanted {
		return l
	}
	return &streamListener{l, sync.OnceValues(func() (*yamux.Session, error) {
		conn, err := l.Accept()
		if err != nil {
			return nil, err
		}
		config := yamux.DefaultConfig()
		config.LogOutput = io.Discard
		return yamux.Server(conn, config)
	})}
}

// Accept implements net.Listener. When the connection has ended it returns net.ErrClosed.
func (m *streamListener) Accept() (net.Conn, error) {
	session, err := m.session()
	if err != nil {
		return nil, err
	}
	stream, err := session.Accept()
	if err != nil {
		return nil, errors.Join(net.ErrClosed, err)
	}
	return stream, nil
}

// Close implements net.Listener.
func (m *streamListener) Close() error {
	err := m.Listener.Close()
	if session, none := m.session(); none == nil {
		return errors.Join(err, session.Close())
	}
	return err
}
