//go:build tools

package tools

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// broker is a Kafka broker that lets clients with a good token in, by OAUTHBEARER over TLS,
// and says that it is alone. It knows the versions of four requests only; Kafka's protocol
// guide (kafka.apache.org/protocol) has their forms.
type broker struct {
	world *world
	host  string
	port  int

	mu   sync.Mutex
	seen []string // tokens
}

func (w *world) broker() *broker {
	w.t.Helper()
	listener, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		w.t.Fatal(err)
	}
	b := &broker{world: w, host: "localhost", port: listener.Addr().(*net.TCPAddr).Port}
	var all sync.WaitGroup
	w.t.Cleanup(func() { listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); b.talk(c) })
		}
	})
	return b
}

// The requests' keys.
const (
	metadata         = 3
	saslHandshake    = 17
	apiVersions      = 18
	saslAuthenticate = 36
)

// talk answers requests until the client has gone.
func (b *broker) talk(c net.Conn) {
	for {
		var size int32
		if binary.Read(c, binary.BigEndian, &size) != nil || size < 10 || size > 1<<16 {
			return
		}
		request := make([]byte, size)
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		key, version := binary.BigEndian.Uint16(request), binary.BigEndian.Uint16(request[2:])
		rest := request[10+int(binary.BigEndian.Uint16(request[8:])):] // after the client's id
		answer := append([]byte{}, request[4:8]...)                    // the correlation id
		switch key {
		case apiVersions:
			answer = b.versions(answer, version)
		case saslHandshake:
			answer = text(number(number(answer, 2, 0), 4, 1), "OAUTHBEARER")
		case saslAuthenticate:
			code := 58 // SASL_AUTHENTICATION_FAILED
			if b.admits(string(rest)) {
				code = 0
			}
			answer = number(number(number(answer, 2, code), 2, -1), 4, 0)
		case metadata:
			answer = number(text(number(number(answer, 4, 1), 4, 1), b.host), 4, b.port) // one broker: id, host, port
			answer = number(number(number(answer, 2, -1), 4, 1), 4, 0)                   // no rack; it controls; no topics
		default:
			return
		}
		if _, err := c.Write(append(number(nil, 4, len(answer)), answer...)); err != nil {
			return
		}
	}
}

// versions says which versions are known. A version of this request that is not is
// answered in the form of the first.
func (b *broker) versions(answer []byte, version uint16) []byte {
	code := 0
	if version > 0 {
		code = 35 // UNSUPPORTED_VERSION
	}
	list := [...][3]int{{metadata, 0, 1}, {saslHandshake, 0, 1}, {apiVersions, 0, 0}, {saslAuthenticate, 0, 0}}
	answer = number(number(answer, 2, code), 4, len(list))
	for _, row := range list {
		for _, n := range row {
			answer = number(answer, 2, n)
		}
	}
	return answer
}

// admits reports whether a client's first message (RFC 7628 3.1) has a good token.
func (b *broker) admits(message string) bool {
	_, rest, _ := strings.Cut(message, "auth=Bearer ")
	token, _, found := strings.Cut(rest, "\x01")
	b.mu.Lock()
	b.seen = append(b.seen, token)
	b.mu.Unlock()
	return found && b.world.good(token)
}

func number(to []byte, size, n int) []byte {
	if size == 2 {
		return binary.BigEndian.AppendUint16(to, uint16(n))
	}
	return binary.BigEndian.AppendUint32(to, uint32(n))
}

func text(to []byte, s string) []byte { return append(number(to, 2, len(s)), s...) }

// TestDoorKafka: librdkafka asks the door for the token of a broker, as setup has it. It
// reads the token as a JWT, so it needs the server's own.
func TestDoorKafka(t *testing.T) {
	program := os.Getenv("TOOL_KAFKA")
	if program == "" {
		t.Fatal("TOOL_KAFKA is not set: run scripts/test-tools")
	}
	w := newWorld(t)
	b := w.broker()
	w.profile("work", "https://localhost:"+strconv.Itoa(b.port))
	d := w.door()
	d.ok(nil, "sh", "-euc", d.printedFor("kafka", "work"))
	d.append("work-kafka.properties", "bootstrap.servers=localhost:"+strconv.Itoa(b.port)+"\nssl.ca.location="+authorityFile()+"\n")
	r := d.run(nil, program, d.home+"/work-kafka.properties")
	if r.code != 0 || !strings.HasSuffix(r.stdout, " brokers 1\n") {
		t.Errorf("exit %d, %q\n%s", r.code, r.stdout, r.stderr)
	}
	t.Log(r.stdout)
	if info, err := os.Stat(d.home + "/work-kafka.properties"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the secret: %v, %v", info.Mode(), err)
	}
	if len(b.seen) == 0 {
		t.Error("the broker saw no token")
	}
	d.requests(1)
}
