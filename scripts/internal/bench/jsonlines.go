package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// lines measures credhelper serve --stdio, with one request at a time and with sixteen.
func (b *bench) lines() ([]figure, error) {
	const runs, long = 5, 2 * time.Second
	alone, err := overLines(b.one, 1, runs, long)
	if err != nil {
		return nil, err
	}
	sixteen, err := overLines(b.one, 16, runs, long)
	if err != nil {
		return nil, err
	}
	audited, err := overLines(b.audit, 16, runs, long)
	if err != nil {
		return nil, fmt.Errorf("audit = \"all\": %w", err)
	}
	note := fmt.Sprintf("median of %d runs of %v", runs, long)
	return []figure{
		{name: "JSON lines, in lock-step: replies", value: alone, format: "%.0f /s", bound: 30_000, least: true, note: note},
		{name: "JSON lines, 16 requests in flight: replies", value: sixteen, format: "%.0f /s", bound: 100_000, least: true, note: note},
		{name: "the same with audit = \"all\", 16 in flight: replies", value: audited, format: "%.0f /s", bound: 60_000, least: true, note: note},
	}, nil
}

// overLines returns the replies per second for a program that keeps so many requests in
// flight: the median of several runs of a separate process.
func overLines(home *program.Home, inFlight, runs int, long time.Duration) (float64, error) {
	var rates []float64
	for range runs {
		p, err := startServe(home)
		if err != nil {
			return 0, err
		}
		rate, err := p.measure(inFlight, long)
		if e := p.end(); err == nil {
			err = e
		}
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, p.stderr.String())
		}
		rates = append(rates, rate)
	}
	return median(rates), nil
}

// pipe is a credhelper serve whose pipes are written and read with plain system calls,
// as a program in C or Python does: Go's poller would add its own switches to each
// reply.
type pipe struct {
	cmd     *exec.Cmd
	in, out *os.File
	stderr  bytes.Buffer
}

func startServe(home *program.Home) (*pipe, error) {
	p := &pipe{cmd: home.Command("serve", "--stdio")}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	defer theirOut.Close()
	p.in, p.out = in, out
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirIn, theirOut, &p.stderr
	in.Fd() // removes them from the poller
	out.Fd()
	return p, p.cmd.Start()
}

// end closes stdin, after which serve ends successfully.
func (p *pipe) end() error {
	p.in.Close()
	defer p.out.Close()
	return p.cmd.Wait()
}

// preparedLines are that many requests of one length, one after the other.
const preparedLines = 1024

func prepared() (requests []byte, length int) {
	for i := range preparedLines {
		line := fmt.Sprintf("{\"id\":%d,\"profile\":%q}\n", 100_000+i, profileName)
		requests, length = append(requests, line...), len(line)
	}
	return requests, length
}

// measure keeps so many requests in flight and counts the replies per second, after a
// round in which each reply is checked.
func (p *pipe) measure(inFlight int, long time.Duration) (float64, error) {
	requests, length := prepared()
	for i := range preparedLines {
		if err := p.checked(requests[i*length:(i+1)*length], i); err != nil {
			return 0, err
		}
	}
	room := make([]byte, 64<<10)
	count, next := 0, 0
	began := time.Now()
	for free, owed := inFlight, 0; ; {
		for free > 0 {
			n := min(free, preparedLines-next)
			if _, err := p.in.Write(requests[next*length : (next+n)*length]); err != nil {
				return 0, err
			}
			next, free, owed = (next+n)%preparedLines, free-n, owed+n
		}
		n, err := p.out.Read(room)
		if err != nil {
			return 0, err
		}
		got := bytes.Count(room[:n], []byte{'\n'})
		count, free, owed = count+got, free+got, owed-got
		if time.Since(began) >= long {
			return float64(count) / time.Since(began).Seconds(), p.drain(owed, room)
		}
	}
}

// drain reads the replies that are still due.
func (p *pipe) drain(owed int, room []byte) error {
	for owed > 0 {
		n, err := p.out.Read(room)
		if err != nil {
			return err
		}
		owed -= bytes.Count(room[:n], []byte{'\n'})
	}
	return nil
}

// checked writes one request and checks its reply.
func (p *pipe) checked(request []byte, i int) error {
	if _, err := p.in.Write(request); err != nil {
		return err
	}
	var line []byte
	for room := make([]byte, 8<<10); !bytes.HasSuffix(line, []byte{'\n'}); {
		n, err := p.out.Read(room)
		if err != nil {
			return err
		}
		line = append(line, room[:n]...)
	}
	var r struct {
		ID      int
		Token   string
		Source  string
		Expires time.Time
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	if r.ID != 100_000+i || len(r.Token) != tokenSize || r.Source != "cache" || time.Until(r.Expires) < time.Minute {
		return errors.New("not a reply with the cached token")
	}
	return nil
}
