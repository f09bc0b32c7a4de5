package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// callerWord makes this program one caller, in a process of its own: Go starts children
// one at a time, so eight callers in one process would wait for each other.
const callerWord = "one-caller"

// call runs a program repeatedly until a moment in Unix milliseconds, and prints how
// often: MOMENT STDIN ARGV...
func call(args []string) int {
	millis, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return 2
	}
	l := launch{name: args[2], argv: args[2:], env: os.Environ(), stdin: args[1]}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 2
	}
	count := 0
	for end := time.UnixMilli(millis); time.Now().Before(end); count++ {
		if _, err := l.once(null); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println(count)
	return 0
}

// callers compares how many answers per second 8 callers get, from credhelper and from
// git's daemon, in turns.
func (b *bench) callers() ([]figure, error) {
	const turns = 5
	var ours, theirs, ratios []float64
	for range turns {
		o, err := together(b.launch(nameToken))
		if err != nil {
			return nil, err
		}
		t, err := together(b.launch(nameDaemon))
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, o), append(theirs, t), append(ratios, o/t)
	}
	return []figure{{name: "gets per second, 8 callers / git credential-cache get", value: median(ratios), format: "%.2f", bound: 0.90, least: true,
		note: fmt.Sprintf("median of %d turns; %.0f and %.0f a second", turns, median(ours), median(theirs))}}, nil
}

// together runs 8 callers for some time and returns the answers per second.
func together(l *launch) (float64, error) {
	const callers, long = 8, 1500 * time.Millisecond
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	end := time.Now().Add(long + 100*time.Millisecond) // for the callers' own start-up
	var group sync.WaitGroup
	var mu sync.Mutex
	total, failed := 0, error(nil)
	for range callers {
		group.Go(func() {
			cmd := exec.Command(self, append([]string{callerWord, strconv.FormatInt(end.UnixMilli(), 10), l.stdin}, l.argv...)...)
			cmd.Env, cmd.Dir = l.env, l.dir
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			n, e := strconv.Atoi(strings.TrimSpace(string(out)))
			mu.Lock()
			defer mu.Unlock()
			total += n
			if err != nil || e != nil {
				failed = fmt.Errorf("a caller failed: %v: %s", err, stderr.String())
			}
		})
	}
	group.Wait()
	return float64(total) / long.Seconds(), failed
}
