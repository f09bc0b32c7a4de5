package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The two ends of a proxy that is measured. Both do as little as they can, so that the
// proxy's own time shows: net/http at either end would take longer than nginx between
// them.

// responder is a server that answers every request without a body with the same bytes.
type responder struct {
	net.Listener
	answer []byte
}

// respond starts a responder with a body of so many bytes. wrap adds TLS; nil: none.
func respond(size int, wrap func(net.Listener) net.Listener) (*responder, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if wrap != nil {
		l = wrap(l)
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size)
	r := &responder{l, append([]byte(head), bytes.Repeat([]byte("x"), size)...)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.talk(c)
		}
	}()
	return r, nil
}

// talk answers one connection. A request is whatever ends with an empty line.
func (r *responder) talk(c net.Conn) {
	defer c.Close()
	room := make([]byte, 0, 16<<10)
	for {
		n, err := c.Read(room[len(room):cap(room)])
		if err != nil {
			return
		}
		room = room[:len(room)+n]
		for {
			end := bytes.Index(room, []byte("\r\n\r\n"))
			if end < 0 {
				break
			}
			if _, err := c.Write(r.answer); err != nil {
				return
			}
			room = room[:copy(room, room[end+4:])]
		}
	}
}

// client is one kept connection to a server.
type client struct {
	net.Conn
	lines   *bufio.Reader
	request []byte
}

// ask sends the request and reads the answer; any but a 200 is an error.
func (c *client) ask() error {
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.lines.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("the answer is %q", line)
		case len(line) == 2 && length >= 0:
			_, err := c.lines.Discard(length)
			return err
		case len(line) == 2:
			return errors.New("the answer has no length")
		case len(line) > 16 && bytes.EqualFold(line[:16], []byte("content-length: ")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[16:]))); err != nil {
				return err
			}
		}
	}
}

// target is where a load goes, and what is sent there.
type target struct {
	dial    func() (net.Conn, error)
	request []byte
}

func (t target) connect() (*client, error) {
	c, err := t.dial()
	if err != nil {
		return nil, err
	}
	return &client{c, bufio.NewReaderSize(c, 32<<10), t.request}, nil
}

// latency returns the median time of consecutive requests on one connection, in µs.
func (t target) latency(requests int) (float64, error) {
	c, err := t.connect()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var times []float64
	for i := range requests + requests/10 {
		began := time.Now()
		if err := c.ask(); err != nil {
			return 0, err
		}
		if i >= requests/10 { // after the warm-up
			times = append(times, float64(time.Since(began).Nanoseconds())/1000)
		}
	}
	return median(times), nil
}

// throughput returns how many requests a second so many connections make.
func (t target) throughput(connections int, long time.Duration) (float64, error) {
	clients, err := t.clients(connections)
	if err != nil {
		return 0, err
	}
	defer closeAll(clients)
	var group sync.WaitGroup
	var count atomic.Int64
	failed := make([]error, connections)
	began := time.Now()
	for i, c := range clients {
		group.Go(func() {
			n := int64(0)
			for ; time.Since(began) < long && failed[i] == nil; n++ {
				failed[i] = c.ask()
			}
			count.Add(n)
		})
	}
	group.Wait()
	return float64(count.Load()) / time.Since(began).Seconds(), errors.Join(failed...)
}

func (t target) clients(n int) (all []*client, err error) {
	for range n {
		c, err := t.connect()
		if err == nil {
			err = c.ask()
		}
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func closeAll(all []*client) {
	for _, c := range all {
		c.Close()
	}
}

// each makes so many requests on each of some connections at once.
func (t target) each(connections, requests int) error {
	clients, err := t.clients(connections)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	var group sync.WaitGroup
	failed := make([]error, connections)
	for i, c := range clients {
		group.Go(func() {
			for range requests {
				if failed[i] = c.ask(); failed[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

// quartiles returns the first and the third quartile of values.
func quartiles(values []float64) (first, third float64) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0, 0
	}
	return sorted[len(sorted)/4], sorted[len(sorted)*3/4]
}
