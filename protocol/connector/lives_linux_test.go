package connector_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// plugins are the processes that this test started with a directory for sockets
// and that have not ended.
func plugins(t *testing.T, config connector.Config) (list []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatal("no /proc: the test is blind")
	}
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		if len(f) < 2 || f[1] != strconv.Itoa(os.Getpid()) || f[0] == "Z" {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if bytes.Contains(environ, []byte(config.Env[0]+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			list = append(list, pid)
		}
	}
	return list
}

// some are that many goroutines that ask until the test says stop; each call must
// end as ok says.
func some(t *testing.T, client *connector.Client, stop <-chan struct{}, ok func(error) bool) *sync.WaitGroup {
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c, err := get(client, "good"); !ok(err) || (err == nil) == c.Secret.IsZero() {
					t.Errorf("%v", err)
					return
				}
			}
		})
	}
	return &group
}

// TestKilled: a plugin that is killed, again and again, while sixteen goroutines
// ask: each call has an answer or ErrUnreachable, the next ones have answers, and
// one plugin lives.
func TestKilled(t *testing.T) {
	config := selfConfig(t)
	client, err := connector.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	group := some(t, client, stop, func(err error) bool { return err == nil || errors.Is(err, protocol.ErrUnreachable) })
	for range 8 {
		c, err := get(client, "pid")
		if err != nil {
			t.Errorf("between two kills: %v", err)
			continue
		}
		time.Sleep(20 * time.Millisecond)
		pid, _ := strconv.Atoi(c.Username)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	group.Wait()
	if _, err := get(client, "good"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if n := len(plugins(t, config)); n != 1 {
		t.Errorf("%d plugins live, want 1", n)
	}
	client.Close()
	if n := len(plugins(t, config)); n != 0 {
		t.Errorf("%d plugins live after Close", n)
	}
}

// TestRepeated: a call whose plugin was killed before has an answer, from another
// plugin.
func TestRepeated(t *testing.T) {
	client := start(t, nil)
	for range 5 {
		c, err := get(client, "pid")
		if err != nil {
			t.Fatal(err)
		}
		pid, _ := strconv.Atoi(c.Username)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if c, err = get(client, "pid"); err != nil || c.Username == strconv.Itoa(pid) {
			t.Errorf("%s, %v", c.Username, err)
		}
	}
}

// TestCloseWhileAsked: Close ends the plugin at once whatever calls are on their
// way, those that hang included, and no call outlives it.
func TestCloseWhileAsked(t *testing.T) {
	config := selfConfig(t)
	client, err := connector.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	ended := func(err error) bool {
		return err == nil || errors.Is(err, protocol.ErrUnreachable) || errors.Is(err, protocol.ErrMalformed)
	}
	stop := make(chan struct{})
	group := some(t, client, stop, ended)
	for range 4 {
		group.Go(func() {
			if _, err := get(client, "hangs"); err == nil || !ended(err) {
				t.Errorf("a call that hangs: %v", err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	client.Close()
	if took := time.Since(began); took > 8*time.Second { // the calls that hang do so for 10 s
		t.Errorf("Close took %v", took)
	}
	if n := len(plugins(t, config)); n != 0 {
		t.Errorf("%d plugins live", n)
	}
	close(stop)
	group.Wait()
	client.Close() // once more does nothing
}

// TestDialTogether: each of many clients has a plugin of its own, and takes it
// along.
func TestDialTogether(t *testing.T) {
	config := selfConfig(t)
	var group sync.WaitGroup
	seen := make(chan string, 6)
	for range cap(seen) {
		group.Go(func() {
			client, err := connector.Dial(config)
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close()
			c, err := get(client, "pid")
			if err != nil {
				t.Error(err)
			}
			seen <- c.Username
		})
	}
	group.Wait()
	close(seen)
	different := map[string]bool{}
	for pid := range seen {
		different[pid] = true
	}
	if n := len(plugins(t, config)); n != 0 || len(different) != cap(seen) {
		t.Errorf("%d different plugins, want %d; %d live", len(different), cap(seen), n)
	}
}

// pause stops a process and returns when it has stopped.
func pause(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if strings.Contains(string(stat), ") T ") {
			return
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%d does not stop: %v", pid, err)
		}
	}
}

// TestStopped: a plugin that does not answer within its own time is given up, and
// the next call has another one; a caller with less patience changes nothing.
func TestStopped(t *testing.T) {
	t.Parallel() // 10 s
	client := start(t, nil)
	c, err := get(client, "pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(c.Username)
	pause(t, pid)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Get(ctx, protocol.Request{Profile: "pid"}); !errors.Is(err, protocol.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if c, err := get(client, "pid"); err != nil || c.Username != strconv.Itoa(pid) {
		t.Errorf("after a pause: %s, %v", c.Username, err)
	}
	pause(t, pid)
	if _, err := get(client, "pid"); !errors.Is(err, protocol.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if c, err := get(client, "pid"); err != nil || c.Username == strconv.Itoa(pid) {
		t.Errorf("afterwards: %s, %v", c.Username, err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it was asked to end, which it cannot hear
}
