package connector_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// certificate is what a host brings.
func certificate(t *testing.T) string {
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
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
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
			if !strings.HasPrefix(out.String(), "1|1|") || said.Len() != 0 {
				t.Errorf("%q: %q, %q", c.versions, out.String(), said.String())
			}
			continue
		}
		if code := cmd.ProcessState.ExitCode(); code != 9 || out.Len() != 0 || said.String() != c.says+"\n" {
			t.Errorf("%q: exit %d, %q, %q", c.versions, code, out.String(), said.String())
		}
	}
}

// greeting is what a plugin prints. One that has greeted its host goes on until it is
// ended.
type greeting struct {
	bytes.Buffer
	cmd *exec.Cmd
}

func (g *greeting) Write(b []byte) (int, error) {
	n, err := g.Buffer.Write(b)
	if bytes.ContainsRune(g.Bytes(), '\n') {
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

// TestNewerHost: a host of go-plugin's that knows a second version, too, gets the
// first.
func TestNewerHost(t *testing.T) {
	config := selfConfig(t)
	cmd := exec.Command(config.Path)
	cmd.Env = config.Env
	set := goplugin.PluginSet{connector.Name: &goplugin.NetRPCUnsupportedPlugin{}}
	host := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: connector.Handshake, Cmd: cmd, SkipHostEnv: true, AutoMTLS: true, Logger: hclog.NewNullLogger(),
		VersionedPlugins: map[int]goplugin.PluginSet{1: set, 2: set},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Stderr: os.Stderr,
	})
	defer host.Kill()
	if _, err := host.Client(); err != nil || host.NegotiatedVersion() != 1 {
		t.Errorf("version %d, %v", host.NegotiatedVersion(), err)
	}
}
