package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/credhelper/credhelper/internal/program"
)

// doorCost counts the instructions of a request through the door, once it has served some.
func (b *bench) doorCost() ([]figure, error) {
	const requests, bound = 500, 0.24
	api, err := respond(1024, nil)
	if err != nil {
		return nil, err
	}
	home, g, err := b.doorHome("counted", "http://"+api.Addr().String())
	if err != nil {
		return nil, err
	}
	c, err := b.startCounted(home)
	if err != nil {
		return nil, err
	}
	// The first ones also start what is needed once, such as the keyring, which may take
	// longer under callgrind than a door waits for it.
	load := &contender{nameDoor, plainTo(c.address, g.basic()), c.pid}
	if err := load.answers(); err != nil {
		return nil, err
	}
	if err := load.target.each(1, 100); err != nil {
		return nil, err
	}
	if _, err := c.count(); err != nil {
		return nil, err
	}
	if err := load.target.each(1, requests); err != nil {
		return nil, err
	}
	counted, err := c.count()
	if err != nil {
		return nil, err
	}
	return []figure{{name: "instructions of a request through the door", value: counted / requests / 1e6, format: "%.3f million", bound: bound,
		note: fmt.Sprintf("callgrind, %d requests, with net/http on both sides", requests)}}, nil
}

// countedDoor is a door under callgrind.
type countedDoor struct {
	address string
	pid     int
	dumps   string // path of the files with counts, without the number at the end
	taken   int
}

// startCounted starts a door under callgrind.
func (b *bench) startCounted(home *program.Home) (*countedDoor, error) {
	c := &countedDoor{dumps: filepath.Join(b.dir, "callgrind")}
	proxy := home.Command("proxy", "--listen", "127.0.0.1:0")
	cmd := exec.Command("valgrind", append([]string{"--tool=callgrind", "--trace-children=yes", "--callgrind-out-file=" + c.dumps}, proxy.Args...)...)
	cmd.Env, cmd.Dir = append(slices.Clone(proxy.Env), "GODEBUG=asyncpreemptoff=1"), proxy.Dir
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = b.running(cmd)
	}
	if err != nil {
		return nil, fmt.Errorf("valgrind (Debian package valgrind): %w", err)
	}
	c.pid = cmd.Process.Pid
	lines := bufio.NewReader(stderr)
	for c.address == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if _, at, found := strings.Cut(line, "the door is at http://"); found {
			c.address = strings.TrimSpace(at)
		}
	}
	go io.Copy(io.Discard, lines)
	return c, nil
}

var totals = regexp.MustCompile(`(?m)^totals: (\d+)`)

// count returns the instructions since the last call.
func (c *countedDoor) count() (float64, error) {
	if out, err := exec.Command("callgrind_control", "--dump", strconv.Itoa(c.pid)).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("callgrind_control: %w: %s", err, out)
	}
	c.taken++
	text, err := os.ReadFile(c.dumps + "." + strconv.Itoa(c.taken))
	found := totals.FindSubmatch(text)
	if err != nil || found == nil {
		return 0, fmt.Errorf("callgrind counted nothing: %v", err)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
