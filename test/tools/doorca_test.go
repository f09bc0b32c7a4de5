//go:build tools

package tools

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/guest/ca"
)

// clientsOfTLS are programs that connect to 127.0.0.1:PORT, want the certificate of HOST,
// and print accepted, or refused and why. Each is told to trust the CA as "credhelper proxy
// ca" says.
var clientsOfTLS = map[string]struct{ file, code string }{
	"node": {"client.js", `
const [host, port] = process.argv.slice(2), tls = require('tls')
const s = tls.connect({ host: '127.0.0.1', port, servername: /[a-z]/.test(host) ? host : '', checkServerIdentity: (_, c) => tls.checkServerIdentity(host, c) },
	() => { console.log('accepted'); s.destroy() })
s.on('error', e => console.log('refused', e.message))
`},
	"python3": {"client.py", `
import socket, ssl, sys
host, port = sys.argv[1:]
try:
    with ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname=host):
        print("accepted")
except ssl.SSLError as e:
    print("refused", e)
`},
	"java": {"Client.java", `
import java.net.Socket;
import javax.net.ssl.*;

public class Client {
	public static void main(String[] args) throws Exception {
		int port = Integer.parseInt(args[1]);
		SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
		try (SSLSocket s = (SSLSocket) factory.createSocket(new Socket("127.0.0.1", port), args[0], port, true)) {
			SSLParameters p = s.getSSLParameters();
			p.setEndpointIdentificationAlgorithm("HTTPS");
			s.setSSLParameters(p);
			s.startHandshake();
			System.out.println("accepted");
		} catch (SSLException e) {
			System.out.println("refused " + e.getMessage());
		}
	}
}
`},
}

// trusting makes the programs of the world trust a CA, each by its line of "credhelper
// proxy ca"; java are the further arguments of Java.
func (w *world) trusting(advice, pem string) (java []string) {
	w.t.Helper()
	file := w.write("door-ca.pem", pem)
	w.setenv("NODE_EXTRA_CA_CERTS="+file, "REQUESTS_CA_BUNDLE="+file, "CURL_CA_BUNDLE="+file, "SSL_CERT_FILE="+file)
	for line := range strings.Lines(advice) {
		if _, command, ok := strings.Cut(line, "keytool "); ok {
			w.ok(nil, append([]string{"keytool"}, strings.Fields(command)...)...)
		}
		if _, arguments, ok := strings.Cut(line, " java "); ok {
			java = strings.Fields(arguments)
		}
	}
	if len(java) == 0 {
		w.t.Fatalf("no line for Java in %s", advice)
	}
	return java
}

// TestDoorCA: Node.js, Python and Java accept the certificates of a door's CA, and none
// that a thief of its key makes for somebody else. Java does not look at the constraint
// of a root, so it has to be in what the root signed.
func TestDoorCA(t *testing.T) {
	w := newWorld(t)
	w.ok(nil, "credhelper", "keyring", "use", "file")
	advice := w.run(nil, "credhelper", "proxy", "ca").stderr
	a, err := ca.New([]string{"door.example.com"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	java := w.trusting(advice, string(a.PEM()))
	leaf, err := a.Leaf(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "door.example.com"} {
		w.handshakes(java, *leaf, host, "accepted")
	}
	for _, c := range []struct {
		host string
		x509.Certificate
	}{
		{"example.com", x509.Certificate{DNSNames: []string{"example.com"}}},
		{"localhost", x509.Certificate{DNSNames: []string{"localhost", "example.com"}}},
		{"www.example.com", x509.Certificate{DNSNames: []string{"*.example.com"}}},
		{"192.0.2.8", x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 8)}}},
	} {
		w.handshakes(java, forged(t, a, c.Certificate), c.host, "refused")
	}
}

// handshakes has each client say whether it accepts a certificate for a host.
func (w *world) handshakes(java []string, c tls.Certificate, host, want string) {
	w.t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{c}})
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for name, client := range clientsOfTLS {
		command := []string{name}
		if name == "java" {
			command = append(command, java...)
		}
		if out := w.ok(nil, append(command, w.write(client.file, client.code), host, port)...); !strings.HasPrefix(out, want) {
			w.t.Errorf("%s, %s: %s, want %s", name, host, out, want)
		}
	}
}

// forged makes a certificate with the key of an authority.
func forged(t *testing.T, a *ca.Authority, c x509.Certificate) tls.Certificate {
	t.Helper()
	text, err := a.Text()
	if err != nil {
		t.Fatal(err)
	}
	rest := []byte(text.Reveal())
	var blocks [3]*pem.Block // root, issuer, key
	for i := range blocks {
		blocks[i], rest = pem.Decode(rest)
	}
	issuer, err := x509.ParseCertificate(blocks[1].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := x509.ParsePKCS8PrivateKey(blocks[2].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(2), issuer.NotBefore, issuer.NotAfter
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, &c, issuer, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, issuer.Raw}, PrivateKey: key}
}

// TestDoorTLS: programs reach a door with TLS by their own settings only.
func TestDoorTLS(t *testing.T) {
	w := newWorld(t)
	api := w.site("Bearer", hello)
	w.profile("work", api.URL)
	d := w.door("--tls")
	lent, url := d.lend("work", "guest"), d.url
	r := w.run(nil, "credhelper", "proxy", "ca")
	java := w.trusting(r.stderr, r.stdout)
	basic := lent.ID + ":" + lent.Secret
	for name, command := range map[string][]string{
		"curl": {"curl", "-sS", "-u", basic, url + "/x"},
		"node": {"node", w.write("get.js", `fetch(process.argv[2], { headers: { Authorization: 'Basic ' + btoa(process.argv[3]) } }).then(r => r.text()).then(console.log)`), url + "/x", basic},
		"requests": {debianPython, w.write("get.py", `
import requests, sys
print(requests.get(sys.argv[1], auth=tuple(sys.argv[2].split(":"))).text)`), url + "/x", basic},
		"java": append(append([]string{"java"}, java...), w.write("Get.java", `
import java.net.*;
import java.util.Base64;
public class Get {
	public static void main(String[] args) throws Exception {
		URLConnection c = new URL(args[0]).openConnection();
		c.setRequestProperty("Authorization", "Basic " + Base64.getEncoder().encodeToString(args[1].getBytes()));
		System.out.println(new String(c.getInputStream().readAllBytes()));
	}
}`), url+"/x", basic),
	} {
		if out := w.ok(nil, command...); strings.TrimSpace(out) != "hello" {
			t.Errorf("%s got %q", name, out)
		}
	}
	own := with("ID="+lent.ID, "SECRET="+lent.Secret, "TOKEN_URL="+lent.TokenURL)
	for library, variable := range map[string]string{"simple-oauth2": "TOOL_SIMPLE", "openid-client": "TOOL_OPENID"} {
		if out := w.ok(own, "node", testdata(t, "clients.mjs"), npmModules(t, variable), library, url+"/x"); out != "200 hello\n" {
			t.Errorf("%s got %q", library, out)
		}
	}
	if out := w.ok(own, debianPython, "-B", testdata(t, "token_client.py"), lent.TokenURL, url+"/x"); !strings.HasSuffix(out, " hello\n") {
		t.Errorf("requests-oauthlib got %q", out)
	}
	_, key, ok := strings.Cut(r.stderr, "git config --global ")
	if key, _, _ = strings.Cut(key, "\n"); !ok {
		t.Fatalf("no line for git in %s", r.stderr)
	}
	w.ok(nil, append([]string{"git", "config", "--global"}, strings.Fields(strings.Replace(key, "https://127.0.0.1:7717", url, 1))...)...)
	w.ok(nil, "git", "-c", "http.extraHeader=Authorization: Bearer "+lent.Secret, "ls-remote", url+"/repository") // an empty one
	api.served(t)
}
