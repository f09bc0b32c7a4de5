package redis

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestStranger: a port that is not what the address says, such as rediss:// to a Redis
// without TLS, which waits for the end of a line, or a password for a server of HTTP.
func TestStranger(t *testing.T) {
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	web := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}
	says := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
		}
	}
	ends := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
	for _, c := range []struct {
		name, scheme string
		serve        func(net.Conn)
		kind         pool.Kind
		says, hint   string
	}{
		{"silent, for TLS", "rediss", silent, pool.Silent, "it does not answer as a port with TLS does", "does this port speak TLS?"},
		{"ends, for TLS", "rediss", ends, pool.Silent, "it does not answer as a port with TLS does", "does this port speak TLS?"},
		{"a web server, for TLS", "rediss", web, pool.Wrong, "it does not speak TLS", "needs a port with TLS"},
		{"silent", "redis", silent, pool.Silent, "it does not answer in time", "can this host reach it?"},
		{"a web server", "redis", web, pool.Wrong, "it does not speak the protocol of Redis", "store of the pool has its address"},
		{"too many clients", "redis", says("-ERR max number of clients reached\r\n"), pool.Silent, "it has as many clients as it takes", "maxclients"},
		{"too many of a cluster", "redis", says("-ERR max number of clients + cluster connections reached\r\n"), pool.Silent, "it has as many clients as it takes", "maxclients"},
		{"protected", "redis", says("-DENIED Redis is running in protected mode because protected mode is enabled and no password is set\r\n"), pool.Wrong,
			"its protected mode lets in this machine only", "requirepass"},
		{"without a password", "redis", says("-ERR AUTH <password> called without any password configured for the default user.\r\n"), pool.Wrong,
			"it refuses the password", "does the server have one?"},
		{"ends", "redis", ends, pool.Silent, "it closed the connection", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() { defer conn.Close(); c.serve(conn) }()
				}
			}()
			store, err := Open(Config{Pool: "ci", Address: &url.URL{Scheme: c.scheme, Host: l.Addr().String()}, Password: secret.New("password")})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			limit := time.Minute
			if strings.HasPrefix(c.name, "silent") {
				limit = 300 * time.Millisecond // the answer is the same whenever it ends
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err = store.Ask(ctx, "name", pool.Question{Check: "check", Lease: "lease"})
			got := new(pool.Error)
			if !errors.As(err, &got) || got.Kind != c.kind || got.Text != c.says || !strings.Contains(got.Hint, c.hint) {
				t.Errorf("%#v", err)
			}
		})
	}
}
