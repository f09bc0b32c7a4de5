//go:build unix

package redis_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/helper/pool/redis"
	"github.com/credhelper/credhelper/protocol/secret"
)

func open(t *testing.T, c redis.Config, address string) pool.Store {
	t.Helper()
	var err error
	if c.Address, err = url.Parse(address); err != nil {
		t.Fatal(err)
	}
	store, err := redis.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestManyClients: a server that has too many clients is in trouble, whether or not there
// is a password that it could refuse.
func TestManyClients(t *testing.T) {
	server := pooltest.StartServer(t)
	server.Do(t, "config", "set", "maxclients", "1")
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.Address(), "redis://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len("+PONG\r\n"))); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"", "password"} {
		store := open(t, redis.Config{Pool: "ci", Password: secret.New(password)}, server.Address())
		_, err := store.Ask(t.Context(), "name", pool.Question{Check: "check", Lease: "lease"})
		if known := new(pool.Error); !errors.As(err, &known) || known.Kind != pool.Silent {
			t.Errorf("password %q: %v", password, err)
		}
		store.Close()
	}
}

// TestStore runs the tests of all stores on a real server.
func TestStore(t *testing.T) {
	server := pooltest.StartServer(t)
	pooltest.Run(t, func(t *testing.T, name string) pool.Store {
		return open(t, redis.Config{Pool: name}, server.Address())
	}, time.Sleep)
}
