package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"time"
)

const (
	streamSize   = 1 << 30
	streamEvents = 100
)

// streamed is a server with long bodies: of 1 GiB, and of events, each of which waits
// until the last one has arrived.
func streamed(arrived <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/down", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(streamSize))
		piece := make([]byte, 64<<10)
		for range streamSize / len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/up", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range streamEvents {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			select {
			case <-arrived:
			case <-time.After(10 * time.Second):
				return
			}
		}
	})
	return mux
}

// doorStreams measures what passes through the door for long: the memory that a body
// of 1 GiB takes, and whether an event comes before the next one is sent.
func (b *bench) doorStreams() ([]figure, error) {
	const most, mebibyte = 8, 1 << 20
	arrived := make(chan struct{})
	server := httptest.NewServer(streamed(arrived))
	b.ends = append(b.ends, server.Close)
	own, g, err := b.doorTo("stream", server.URL)
	if err != nil {
		return nil, err
	}
	count, err := own.events(g, arrived)
	if err != nil {
		return nil, err
	}
	idle := resident(own.pid)
	peak := watchResident(own.pid, func() { err = own.gibibyte(g) })
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: "door: events that come before the next is sent", value: float64(count), format: "%.0f", bound: streamEvents, exact: true, note: "each waits for the last one's arrival"},
		{name: "door: resident memory while 1 GiB streams, beyond idle", value: float64(peak-idle) / mebibyte, format: "%.1f MiB", bound: most,
			note: fmt.Sprintf("down and up; idle %.1f MiB", float64(idle)/mebibyte)},
	}, nil
}

// events returns how many events come, each before the next one is sent.
func (c *contender) events(g doorGuest, arrived chan<- struct{}) (count int, err error) {
	stream, err := c.send(g, "GET", "/events", nil)
	if err != nil {
		return 0, err
	}
	defer stream.Body.Close()
	for event := make([]byte, 64); count < streamEvents; count++ {
		n, err := stream.Body.Read(event)
		if err != nil || string(event[:n]) != fmt.Sprintf("data: %d\n\n", count) {
			return count, nil
		}
		arrived <- struct{}{}
	}
	return count, nil
}

// gibibyte lets a body of 1 GiB pass down, and another one up.
func (c *contender) gibibyte(g doorGuest) error {
	down, err := c.send(g, "GET", "/down", nil)
	if err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, down.Body); err != nil || n != streamSize {
		return fmt.Errorf("%d bytes came: %w", n, err)
	}
	down.Body.Close()
	up, err := c.send(g, "POST", "/up", io.LimitReader(zeros{}, streamSize))
	if err != nil {
		return err
	}
	defer up.Body.Close()
	if body, err := io.ReadAll(up.Body); err != nil || string(body) != strconv.Itoa(streamSize) {
		return fmt.Errorf("%q bytes went: %w", body, err)
	}
	return nil
}

// send sends a request as a guest; a body has 1 GiB.
func (c *contender) send(g doorGuest, method, path string, body io.Reader) (*http.Response, error) {
	address, err := c.address()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(method, "http://"+address+path, body)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(g.ID, g.Secret)
	if body != nil {
		r.ContentLength = streamSize
	}
	answer, err := http.DefaultClient.Do(r)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return answer, err
}

// zeros is an endless body.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// address returns where a contender listens.
func (c *contender) address() (string, error) {
	conn, err := c.target.dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.RemoteAddr().String(), nil
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident returns the resident memory of a process in bytes; 0 if it is gone.
func resident(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	found := residentLine.FindSubmatch(text)
	if found == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(found[1])) // digits
	return kib << 10
}

// watchResident returns the most resident memory of a process while something is done.
func watchResident(pid int, do func()) (most int) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			most = max(most, resident(pid))
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	do()
	close(stop)
	<-done
	return most
}

// doorEnd makes 10,000 requests at the end of a token.
func (b *bench) doorEnd() ([]figure, error) {
	const connections, requests, life = 16, 625, 3 * time.Second
	api, err := respond(100, nil)
	if err != nil {
		return nil, err
	}
	b.server.SetLifetime(life)
	defer b.server.SetLifetime(12 * time.Hour)
	own, _, err := b.doorTo("end", "http://"+api.Addr().String())
	if err != nil {
		return nil, err
	}
	time.Sleep(life) // the token from verifying the secret
	if err := own.target.each(1, 1); err != nil {
		return nil, err
	}
	b.server.SetLifetime(12 * time.Hour) // the next one does not end
	before := b.server.Count()
	time.Sleep(life - 200*time.Millisecond)
	if err := own.target.each(connections, requests); err != nil {
		return nil, err
	}
	return []figure{{name: "door: token requests for 10,000 requests at a token's end", value: float64(b.server.Count() - before), format: "%.0f", bound: 1, exact: true,
		note: "all of them answered"}}, nil
}
