// Package crowd asks for a profile's token from many goroutines of many processes at
// once, on one home and through every interface, and reports whether each token was
// requested only after the previous one had expired. Only tests and scripts import it.
//
//	Run:    a process for each order -> ready -> all begin -> what they saw -> Tally
//	Member: one of those processes: goroutines that ask by library, plugin, serve ...
package crowd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// Order describes the work of a member.
type Order struct {
	Way        Way
	Bin        string        // directory of the executables
	Env        []string      // of the home
	Profile    string        // to ask for
	Goroutines int           // number of goroutines
	Pause      time.Duration // the longest pause of a goroutine, which asks again at the latest when the token expires
	Every      time.Duration // interval of samples of the member's resources; 0: none
}

// begin is the message that starts a member after it is ready.
type begin struct {
	Until time.Time
}

// event is one line that a member writes.
type event struct {
	Ready   bool    `json:",omitempty"`
	Token   string  `json:",omitempty"` // fingerprint of a token that was not seen before
	Expires int64   `json:",omitempty"` // its expiry in Unix seconds
	Sample  *Sample `json:",omitempty"`
	Report  *Report `json:",omitempty"`
}

// Report is the result of a member.
type Report struct {
	Calls   int
	Failed  int
	Failure string        // the first one
	Slowest time.Duration // the slowest answer
}

// Tally is the result of all members.
type Tally struct {
	Calls, Failed int
	Failures      []string // the first of each member
	Slowest       time.Duration
	Tokens        map[string]int64 // fingerprint: expiry in Unix seconds
	Samples       [][]Sample       // of each order
}

// Early counts the tokens that were requested before the previous one had expired; life
// is in seconds. A token's lifetime starts with the second of its request, so two
// consecutive expiries are at least a lifetime apart, or the later token was not
// needed.
func (t *Tally) Early(life int64) (n int) {
	ends := slices.Sorted(maps.Values(t.Tokens))
	for i := 1; i < len(ends); i++ {
		if ends[i]-ends[i-1] < life {
			n++
		}
	}
	return n
}

// Span returns the time between the expiries of the first and the last token, in
// seconds.
func (t *Tally) Span() int64 {
	if len(t.Tokens) == 0 {
		return 0
	}
	ends := slices.Sorted(maps.Values(t.Tokens))
	return ends[len(ends)-1] - ends[0]
}

// Run starts a process for each order with command, lets all begin at once when the
// last is ready, and waits for their end. each, if not nil, gets the samples as they
// arrive, of one member at a time.
func Run(command func() *exec.Cmd, orders []Order, long time.Duration, each func(Order, Sample)) (*Tally, error) {
	c := &crowd{each: each, tally: Tally{Tokens: map[string]int64{}, Samples: make([][]Sample, len(orders))}}
	defer c.kill()
	for i, o := range orders {
		if err := c.start(command(), i, o); err != nil {
			return nil, err
		}
	}
	for _, m := range c.members {
		if err := m.await(); err != nil {
			return nil, err
		}
	}
	until := time.Now().Add(long)
	for _, m := range c.members {
		if err := json.NewEncoder(m.in).Encode(begin{until}); err != nil {
			return nil, fmt.Errorf("%s: %w", m.order.Way, err)
		}
	}
	var failed []error
	for _, m := range c.members {
		failed = append(failed, m.end())
	}
	return &c.tally, errors.Join(failed...)
}

// crowd is the members while they run.
type crowd struct {
	members []*process
	each    func(Order, Sample)
	mu      sync.Mutex // of tally and each
	tally   Tally
}

// process is a member as seen by the parent.
type process struct {
	cmd    *exec.Cmd
	order  Order
	in     io.WriteCloser
	ready  chan bool
	stderr bytes.Buffer  // stderr
	read   chan struct{} // closed at the end of its stdout
	ended  bool          // it has reported
}

func (c *crowd) start(cmd *exec.Cmd, i int, o Order) error {
	m := &process{cmd: cmd, order: o, ready: make(chan bool, 1), read: make(chan struct{})}
	cmd.Stderr = &m.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	m.in = in
	c.members = append(c.members, m)
	go func() {
		defer close(m.read)
		c.listen(i, m, out)
	}()
	return json.NewEncoder(in).Encode(o)
}

// listen reads a member's output. Lines that are not JSON come from the testing package
// ("PASS").
func (c *crowd) listen(i int, m *process, out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		if e.Ready {
			m.ready <- true
		}
		c.take(i, m, e)
	}
}

func (c *crowd) take(i int, m *process, e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.tally
	if e.Token != "" {
		t.Tokens[e.Token] = e.Expires
	}
	if e.Sample != nil {
		t.Samples[i] = append(t.Samples[i], *e.Sample)
		if c.each != nil {
			c.each(m.order, *e.Sample)
		}
	}
	if r := e.Report; r != nil {
		m.ended = true
		t.Calls, t.Failed, t.Slowest = t.Calls+r.Calls, t.Failed+r.Failed, max(t.Slowest, r.Slowest)
		if r.Failure != "" {
			t.Failures = append(t.Failures, string(m.order.Way)+": "+r.Failure)
		}
	}
}

// readyTime is enough for twenty processes that each start one more.
const readyTime = time.Minute

func (m *process) await() error {
	select {
	case <-m.ready:
		return nil
	case <-m.read:
	case <-time.After(readyTime):
	}
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait() // its stderr is complete then
	return fmt.Errorf("%s did not begin: %s", m.order.Way, m.stderr.String())
}

// end waits for the member's report. Its stdin stays open until then: a member whose
// parent is gone ends early.
func (m *process) end() error {
	<-m.read
	m.in.Close()
	err := m.cmd.Wait()
	if err == nil && !m.ended {
		err = errors.New("no report")
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", m.order.Way, err, m.stderr.String())
	}
	return nil
}

// kill ends the remaining members after a failure.
func (c *crowd) kill() {
	for _, m := range c.members {
		if m.cmd.ProcessState == nil {
			_ = m.cmd.Process.Kill()
			_ = m.cmd.Wait()
		}
	}
}
