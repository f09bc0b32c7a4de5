package busguard

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestCandidates: which addresses are asked at all (D-Bus specification,
// "Server Addresses").
func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		name, address, runtime string
		want                   []string // as package net names the sockets
	}{
		{"path", "unix:path=/run/user/1/bus", "", []string{"/run/user/1/bus"}},
		{"path with an id", "unix:path=/tmp/dbus-x,guid=0123", "", []string{"/tmp/dbus-x"}},
		{"id first", "unix:guid=0123,path=/tmp/dbus-x", "", []string{"/tmp/dbus-x"}},
		{"abstract", "unix:abstract=/tmp/dbus-x,guid=0123", "", []string{"@/tmp/dbus-x"}},
		{"escaped", "unix:path=/tmp/a%20b%2cc", "", []string{"/tmp/a b,c"}},
		{"several", "tcp:host=localhost,port=1;unix:path=/a;unix:abstract=b", "", []string{"/a", "@b"}},
		{"tcp", "tcp:host=localhost,port=1", "/run/user/1", nil},
		{"a program to run", "unixexec:path=/bin/sh", "/run/user/1", nil},
		{"launchd", "launchd:env=X", "", nil},
		{"folder to make a socket in", "unix:tmpdir=/tmp", "", nil},
		{"cut escape", "unix:path=/tmp/%2", "", nil},
		{"bad escape", "unix:path=/tmp/%zz", "", nil},
		{"empty path", "unix:path=", "", nil},
		{"nonsense", ";;=,", "", nil},
		{"disabled", "disabled:", "/run/user/1", nil},
		{"none", "", "", []string{"/run/user/7/bus"}},
		{"none, runtime folder", "", "/run/x y", []string{"/run/x y/bus", "/run/user/7/bus"}},
		{"none, relative runtime folder", "", "run", []string{"/run/user/7/bus"}},
		{"autolaunch", "autolaunch:", "/run/user/7", []string{"/run/user/7/bus", "/run/user/7/bus"}},
	} {
		var got []string
		for _, address := range candidates(c.address, c.runtime, 7) {
			got = append(got, socket(address))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzSocket: no address panics, and what escape writes is read again.
func FuzzSocket(f *testing.F) {
	for _, seed := range []string{"unix:path=/a", "unix:abstract=%41,guid=1", "unix:path=%", "", "unix:=,=,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = socket(text)
		if back, err := unescape(escape(text)); err != nil || back != text {
			t.Fatalf("%q became %q, %v", text, back, err)
		}
	})
}

// TestHello: the message is one that a bus can read: its length fields are
// right and it ends on a multiple of eight.
func TestHello(t *testing.T) {
	message := hello()
	fields := int(message[12])
	if len(message)%8 != 0 || 16+fields > len(message) || 16+fields <= len(message)-8 || !bytes.HasPrefix(message, []byte{'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0}) {
		t.Errorf("hello is %q", message)
	}
}

// TestReadLine: a line has an end and a length.
func TestReadLine(t *testing.T) {
	if line, err := readLine(strings.NewReader("OK 1\r\nrest")); err != nil || line != "OK 1" {
		t.Errorf("%q, %v", line, err)
	}
	for _, bad := range []string{"", "OK 1", strings.Repeat("x", 2000) + "\n"} {
		if line, err := readLine(strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q is read as %.20q", bad, line)
		}
	}
}
