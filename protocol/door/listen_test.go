package door

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func accepted(t *testing.T, l *Listener, from pipes) (ours *conn, theirs net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	go func() { from <- a }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*conn), b
}

func closed(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// TestConnections (D12): connections of nobody are few, and the oldest makes room; those
// of guests are counted for each guest, and what ends is not counted any more.
func TestConnections(t *testing.T) {
	from := make(pipes)
	l := &Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }}
	_, first := accepted(t, l, from)
	known, _ := accepted(t, l, from)
	if isFirst, ok := known.claim("jci"); !isFirst || !ok {
		t.Fatal("a guest's connection is not counted")
	}
	if isFirst, ok := known.claim("jci"); isFirst || !ok {
		t.Error("its second request is not known")
	}
	if isFirst, ok := known.claim("other"); !isFirst || !ok {
		t.Error("another guest on the same connection is not noticed")
	}
	if isFirst, _ := known.claim("other"); isFirst || l.total != 1 {
		t.Errorf("it is noticed twice, or counted: %d", l.total)
	}
	for range mostUnknown {
		accepted(t, l, from)
	}
	if !closed(first) || len(l.unknown) != mostUnknown {
		t.Errorf("%d connections of nobody", len(l.unknown))
	}
	for range mostOfOne - 1 {
		c, _ := accepted(t, l, from)
		if _, ok := c.claim("jci"); !ok {
			t.Fatal("refused too early")
		}
	}
	c, _ := accepted(t, l, from)
	if _, ok := c.claim("jci"); ok {
		t.Error("one guest has all connections")
	}
	if _, ok := c.claim("other"); !ok {
		t.Error("another guest has none")
	}
	known.Close()
	known.Close()
	c, _ = accepted(t, l, from)
	if _, ok := c.claim("jci"); !ok || l.total != mostOfOne+1 {
		t.Errorf("what ended is still counted: %d", l.total)
	}
}

// TestStrangers (D1): a connection whose other end is not known is closed before a byte
// of it is read.
func TestStrangers(t *testing.T) {
	from := make(pipes)
	l := &Listener{Listener: from, Check: func(c net.Conn) (Peer, error) { return Peer{}, errors.New("not ours") }}
	a, b := net.Pipe()
	go func() {
		from <- a
		close(from)
	}()
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepted %v, %v", c, err)
	}
	if _, err := io.Copy(b, strings.NewReader("GET")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("it takes bytes: %v", err)
	}
}

// TestUnknownTime (D12): a connection on which no guest proves who it is ends after 10 s,
// whatever it sends; that of a guest does not.
func TestUnknownTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := make(pipes)
		l := &Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }}
		guest, theirs := accepted(t, l, from)
		if _, ok := guest.claim("jci"); !ok {
			t.Fatal("a guest is refused")
		}
		_, nobody := accepted(t, l, from)
		began := time.Now()
		if !closed(nobody) || time.Since(began) != 10*time.Second {
			t.Errorf("nobody's connection ended after %v", time.Since(began))
		}
		time.Sleep(unknownTime)
		go func() { _, _ = guest.Write([]byte("x")) }()
		if _, err := theirs.Read(make([]byte, 1)); err != nil {
			t.Errorf("that of a guest, too: %v", err)
		}
	})
}

// TestMostKnown (D12): all guests together have 1,024 connections.
func TestMostKnown(t *testing.T) {
	from := make(pipes)
	l := &Listener{Listener: from, Check: func(net.Conn) (Peer, error) { return Peer{}, nil }}
	for i := range mostKnown {
		c, _ := accepted(t, l, from)
		if _, ok := c.claim(string(rune('a' + i/mostOfOne))); !ok {
			t.Fatalf("connection %d is refused", i)
		}
	}
	c, _ := accepted(t, l, from)
	if _, ok := c.claim("z"); ok {
		t.Error("there is one more")
	}
}

// TestWatch (D14): what a guest has running ends within a second of its revocation.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Pointer[time.Time]
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		// A door sees a change of the files after 100 ms.
		g := &Guest{Lives: func(context.Context) bool {
			at := revoked.Load()
			return at == nil || time.Since(*at) < 100*time.Millisecond
		}}
		defer watch(ctx, cancel, g)()
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Fatal("a guest's request ends by itself")
		}
		now := time.Now()
		revoked.Store(&now)
		<-ctx.Done()
		if left := time.Since(now); left > time.Second {
			t.Errorf("it ends after %v", left)
		}
	})
}
