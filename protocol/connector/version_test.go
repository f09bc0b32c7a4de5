package connector_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
	"github.com/credhelper/credhelper/protocol/connector/wire"
)

// certificate is what a host brings.
func certificate(t *testing.T) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ownCertificate(t).Certificate[0]}))
}

// ownCertificate is a certificate of nobody but this test.
func ownCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// hosts are what a host says that it speaks, and what the plugin makes of it.
var hosts = []struct {
	versions string
	says     string // "": it is served
}{
	{"1", ""},
	{"1,2", ""},
	{"2,1", ""},
	{"", ""}, // one that knows nothing of versions
	{"99", "the connector speaks version 99 of the connector protocol, credhelper speaks 1: upgrade credhelper"},
	{"2,3", "the connector speaks version 2,3 of the connector protocol, credhelper speaks 1: upgrade credhelper"},
	{"0", "the connector speaks version 0 of the connector protocol, credhelper speaks 1: upgrade the connector"},
	{"x\x1b[31m", "the connector speaks version x?[31m of the connector protocol, credhelper speaks 1: upgrade the connector"},
}

// TestVersionsOfHosts: the plugin takes the version that both know; if there is
// none it says in one line who must be upgraded, and is not served.
func TestVersionsOfHosts(t *testing.T) {
	config := selfConfig(t)
	for _, c := range hosts {
		cmd := exec.Command(config.Path)
		cmd.Env = append(config.Env, connector.Handshake.MagicCookieKey+"="+connector.Handshake.MagicCookieValue,
			"PLUGIN_PROTOCOL_VERSIONS="+c.versions, "PLUGIN_CLIENT_CERT="+certificate(t))
		var said bytes.Buffer
		out := greeting{cmd: cmd}
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if c.says == "" {
			if !strings.HasPrefix(out.text.String(), "1|1|") || said.Len() != 0 {
				t.Errorf("%q: %q, %q", c.versions, out.text.String(), said.String())
			}
			continue
		}
		if code := cmd.ProcessState.ExitCode(); code != 9 || out.text.Len() != 0 || said.String() != c.says+"\n" {
			t.Errorf("%q: exit %d, %q, %q", c.versions, code, out.text.String(), said.String())
		}
	}
}

// greeting is what a plugin prints. One that has greeted its host goes on until it is
// ended.
type greeting struct {
	text bytes.Buffer // not embedded: io.Copy would use its ReadFrom
	cmd  *exec.Cmd
}

func (g *greeting) Write(b []byte) (int, error) {
	n, err := g.text.Write(b)
	if bytes.ContainsRune(g.text.Bytes(), '\n') {
		_ = g.cmd.Process.Kill()
	}
	return n, err
}

// TestVersionsOfPlugins: a plugin that speaks another version is no reason to try
// again, and the error says who must be upgraded.
func TestVersionsOfPlugins(t *testing.T) {
	for greeting, upgrade := range map[string]string{
		"1|99|unix|/nowhere|grpc|": "upgrade this connector",
		"1|0|unix|/nowhere|grpc|":  "upgrade credhelper",
	} {
		_, err := connector.Dial(connector.Config{Path: "echo", Args: []string{greeting}})
		if !errors.Is(err, protocol.ErrPolicy) || !strings.HasSuffix(err.Error(), upgrade) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", greeting, err)
		}
	}
}

// caller is the host's end of the connector, as a Go program has it.
type caller struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (caller) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (caller) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return wire.NewConnectorClient(conn), nil
}

// TestHosts: hosts of go-plugin's get an answer, and the plugin ends when they ask it to:
// one that knows a second version, too, and one that uses one connection for everything.
func TestHosts(t *testing.T) {
	for _, multiplexes := range []bool{false, true} {
		config := selfConfig(t)
		cmd := exec.Command(config.Path)
		cmd.Env = config.Env
		set := goplugin.PluginSet{connector.Name: caller{}}
		host := goplugin.NewClient(&goplugin.ClientConfig{
			HandshakeConfig: connector.Handshake, Cmd: cmd, SkipHostEnv: true, AutoMTLS: true, Logger: hclog.NewNullLogger(),
			VersionedPlugins: map[int]goplugin.PluginSet{1: set, 2: set}, GRPCBrokerMultiplex: multiplexes,
			AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Stderr: os.Stderr,
		})
		defer host.Kill()
		client, err := host.Client()
		if err != nil || host.NegotiatedVersion() != 1 {
			t.Fatalf("multiplexes %v: version %d, %v", multiplexes, host.NegotiatedVersion(), err)
		}
		if err := client.Ping(); err != nil {
			t.Errorf("multiplexes %v: %v", multiplexes, err)
		}
		remote, err := client.Dispense(connector.Name)
		if err != nil {
			t.Fatalf("multiplexes %v: %v", multiplexes, err)
		}
		reply, err := remote.(wire.ConnectorClient).Get(t.Context(), &wire.Request{Profile: "good"})
		if err != nil || reply.GetCredential().GetToken() != canary {
			t.Errorf("multiplexes %v: %v, %v", multiplexes, reply.GetFailure(), err)
		}
		host.Kill()
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("multiplexes %v: the plugin ended with %d", multiplexes, code)
		}
	}
}

// TestStranger: whoever reaches the socket and is not the host gets no answer, with no
// certificate and with one of their own (T2).
func TestStranger(t *testing.T) {
	config := selfConfig(t)
	cmd := exec.Command(config.Path)
	cmd.Env = append(config.Env, connector.Handshake.MagicCookieKey+"="+connector.Handshake.MagicCookieValue, "PLUGIN_CLIENT_CERT="+certificate(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Split(line, "|")
	if err != nil || len(fields) != 6 {
		t.Fatalf("%q, %v", line, err)
	}
	for name, certificates := range map[string][]tls.Certificate{"no certificate": nil, "another one": {ownCertificate(t)}} {
		conn, err := tls.Dial(fields[2], fields[3], &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, Certificates: certificates})
		if err == nil { // with TLS 1.3 a client learns of the refusal later
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
