package connector

import (
	"net"
	"strconv"
	"testing"
)

// TestListenPort: the plugin listens on a port that the host allows, which is how it does
// on Windows; where all are in use it says so.
func TestListenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for _, c := range []struct {
		least, most string
		fails       bool
	}{
		{"", "", false},
		{strconv.Itoa(port), strconv.Itoa(port), true},
		{strconv.Itoa(port), "", true},
		{strconv.Itoa(port), strconv.Itoa(min(port+500, 65535)), false},
	} {
		t.Setenv("PLUGIN_MIN_PORT", c.least)
		t.Setenv("PLUGIN_MAX_PORT", c.most)
		l, err := listenPort()
		if (err != nil) != c.fails {
			t.Errorf("%s to %s: %v", c.least, c.most, err)
		}
		if err != nil {
			continue
		}
		if at := l.Addr().(*net.TCPAddr); !at.IP.IsLoopback() || c.most != "" && (at.Port <= port || at.Port > port+500) {
			t.Errorf("%s to %s: %v", c.least, c.most, at)
		}
		l.Close()
	}
}
