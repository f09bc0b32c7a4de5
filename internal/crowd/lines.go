package crowd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// lineTime is longer than a reply takes even on a busy machine; the helper's own limit is 8 s.
const lineTime = time.Minute

// lineClient asks credhelper serve --stdio for one profile, with many requests at once.
type lineClient struct {
	profile string
	cmd     *exec.Cmd
	in      io.WriteCloser

	mu      sync.Mutex
	last    int                // id
	waiting map[int]chan reply // id: the waiting caller
	ended   chan struct{}
}

func openServe(o Order) (*asker, error) {
	c := &lineClient{profile: o.Profile, cmd: exec.Command(o.executable(), "serve", "--stdio"), waiting: map[int]chan reply{}, ended: make(chan struct{})}
	c.cmd.Env = o.Env
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.in = in
	go c.listen(out)
	return &asker{ask: c.ask, close: c.close, child: c.cmd.Process.Pid}, nil
}

func (c *lineClient) listen(out io.Reader) {
	defer close(c.ended)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			return
		}
		c.mu.Lock()
		w := c.waiting[r.ID]
		delete(c.waiting, r.ID)
		c.mu.Unlock()
		if w != nil {
			w <- r
		}
	}
}

// ask writes a line and waits for the reply with its id.
func (c *lineClient) ask() (answer, error) {
	w := make(chan reply, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = w
	c.mu.Unlock()
	// One write, which a pipe keeps together.
	if _, err := fmt.Fprintf(c.in, "{\"id\":%d,\"profile\":%q}\n", id, c.profile); err != nil {
		return answer{}, err
	}
	timer := time.NewTimer(lineTime)
	defer timer.Stop()
	select {
	case r := <-w:
		return r.answer()
	case <-c.ended:
		return answer{}, errors.New("serve ended")
	case <-timer.C:
		return answer{}, fmt.Errorf("no reply in %v", lineTime)
	}
}

func (c *lineClient) close() {
	c.in.Close()
	<-c.ended
	_ = c.cmd.Wait() // nothing asks it any more
}
