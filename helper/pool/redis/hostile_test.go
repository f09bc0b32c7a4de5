package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestLaterAnswers: a server that has given a lease, and then says what it likes to the
// leader, gets an error of the store in limited time, which does not repeat the password.
func TestLaterAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		kind pool.Kind
		text string
	}{
		"huge":             {"$1099511627776\r\n", pool.Wrong, "it does not speak the protocol of Redis"},
		"a line of no end": {strings.Repeat("+x", 1<<16), pool.Wrong, "it does not speak the protocol of Redis"},
		"deep":             {strings.Repeat("*1\r\n", 1<<10), pool.Wrong, "it does not speak the protocol of Redis"},
		"half":             {"$100\r\nabc", pool.Silent, "it does not answer in time"},
		"nothing":          {"\r", pool.Silent, "it does not answer in time"},
		"it ends":          {"", pool.Silent, "it closed the connection"},
		"the password":     {"-ERR what is password-c4n4ry?\r\n", pool.Wrong, "it says: ERR what is "},
		"its base64":       {"-ERR what is cGFzc3dvcmQtYzRuNHJ5?\r\n", pool.Wrong, "it says: ERR what is "},
		"many lines":       {"-ERR a\x1b[31m\x00\r\n", pool.Wrong, "it says: ERR a"},
	} {
		t.Run(name, func(t *testing.T) {
			var leads atomic.Bool
			address := pooltest.StartStranger(t, func(words []string) string {
				switch {
				case words[0] == "AUTH":
					return "+OK\r\n"
				case leads.CompareAndSwap(false, true):
					return fmt.Sprintf("*4\r\n$5\r\nlease\r\n$16\r\n%d\r\n$16\r\n%d\r\n$0\r\n\r\n", time.Now().UnixMicro(), time.Now().UnixMicro())
				}
				return c.says
			})
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			store, err := Open(Config{Pool: "ci", Address: u, Password: secret.New("password-c4n4ry")})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			a, err := store.Ask(t.Context(), "name", pool.Question{Check: "check", Lease: "lease"})
			if err != nil || a.Lease == 0 {
				t.Fatalf("%+v, %v", a, err)
			}
			limit := time.Minute
			if c.text == "it does not answer in time" {
				limit = 300 * time.Millisecond // the answer is the same whenever it ends
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err = store.Put(ctx, "name", pool.Lease{Word: "lease", Number: a.Lease}, []byte("token"), time.Hour)
			got := new(pool.Error)
			if !errors.As(err, &got) || got.Kind != c.kind || !strings.HasPrefix(got.Text, c.text) {
				t.Errorf("%#v", err)
			}
			if strings.Contains(got.Text, "c4n4ry") || strings.Contains(got.Text, "cGFzc3dv") || strings.ContainsAny(got.Text, "\x00\x1b\n") {
				t.Errorf("%q", got.Text)
			}
		})
	}
}
