//go:build linux

package main_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol/connector/wire"
)

// foreign is a host that knows only the steps of docs/connectors.md, as one in another
// language would.
type foreign struct {
	key    *ecdsa.PrivateKey
	ours   []byte            // its certificate, DER
	theirs *x509.Certificate // the plugin's
	socket string
	ended  chan error // receives how the plugin ended
}

// certificate makes a host's key and its certificate (DER).
func certificate(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

// hostEnviron returns what a host with that certificate (DER) adds to the environment of its
// plugin, whose socket is to be below dir.
func hostEnviron(certificate []byte, dir string) []string {
	return []string{"XDG_RUNTIME_DIR=" + dir, "CREDHELPER_CONNECTOR=v1", "PLUGIN_PROTOCOL_VERSIONS=1",
		"PLUGIN_CLIENT_CERT=" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))}
}

// startForeign takes the first three steps.
func startForeign(t *testing.T, h *program.Home, dir string) *foreign {
	t.Helper()
	// 1: a key and a certificate.
	key, der := certificate(t)

	// 2 and 3: start it, and read its greeting.
	cmd := h.Command("plugin")
	cmd.Env = append(cmd.Env, hostEnviron(der, dir)...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	greeting, err := bufio.NewReader(out).ReadString('\n')
	field := strings.Split(strings.TrimSpace(greeting), "|")
	if err != nil || len(field) != 6 || strings.Join(field[:3], "|") != "1|1|unix" || field[4] != "grpc" {
		t.Fatalf("%q, %v", greeting, err)
	}
	raw, err := base64.RawStdEncoding.DecodeString(field[5])
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		state, err := cmd.Process.Wait() // leaves stdout open, as a host does
		if err == nil && !state.Success() {
			err = &exec.ExitError{ProcessState: state}
		}
		ended <- err
	}()
	return &foreign{key, der, theirs, field[3], ended}
}

// TestPluginForeignHost takes all seven steps.
func TestPluginForeignHost(t *testing.T) {
	s := newServer(t)
	h := newHome(t, s)
	host := startForeign(t, h, sockets(t))

	// 4: connect.
	roots := x509.NewCertPool()
	roots.AddCert(host.theirs)
	conn, err := grpc.NewClient("unix:"+host.socket, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{host.ours}, PrivateKey: host.key}}, RootCAs: roots, ServerName: "localhost",
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	// 5: ask.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	remote := wire.NewConnectorClient(conn)
	reply, err := remote.Get(ctx, &wire.Request{Url: "https://api.example.com/rest/v1"})
	if err != nil || !s.knows(reply.GetCredential().GetToken()) {
		t.Errorf("get: %v, failure %v", err, reply.GetFailure())
	}
	reply, err = remote.Get(ctx, &wire.Request{Url: "https://evil.test/"})
	if err != nil || reply.GetFailure().GetKind() != wire.Kind_NO_PROFILE {
		t.Errorf("a foreign URL: %v, failure %v", err, reply.GetFailure())
	}
	if reply, err := remote.Forget(ctx, &wire.Request{Profile: "jama", Refused: "another"}); err != nil || reply.GetFailure() != nil {
		t.Errorf("forget: %v, %v", err, reply.GetFailure())
	}

	// 7: end it.
	_ = conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", new(emptypb.Empty), new(emptypb.Empty))
	select {
	case err := <-host.ended:
		if err != nil {
			t.Errorf("the plugin ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the plugin did not end")
	}
}
