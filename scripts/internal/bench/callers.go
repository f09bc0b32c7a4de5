package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// callerWord makes this program one caller, in a process of its own: Go starts children
// one at a time, so eight callers in one process would wait for each other.
const callerWord = "one-caller"

// call runs a program repeatedly until a moment in Unix milliseconds, and prints how
// often, and how many microseconds of processor time that took: MOMENT STDIN ARGV...
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
	count, spent := 0, time.Duration(0)
	l.used = func(state *os.ProcessState) { spent += state.UserTime() + state.SystemTime() }
	for end := time.UnixMilli(millis); time.Now().Before(end); count++ {
		if _, err := l.once(null); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println(count, spent.Microseconds())
	return 0
}

// callers compares how many answers per second 8 callers get, from credhelper and from
// git's daemon, in turns.
func (b *bench) callers() ([]figure, error) {
	const turns = 21
	var ours, theirs, spent, spentThere, ratios []float64
	for range turns {
		o, cpu, err := together(b.launch(nameToken))
		if err != nil {
			return nil, err
		}
		t, cpuThere, err := together(b.launch(nameDaemon))
		if err != nil {
			return nil, err
		}
		ours, theirs, ratios = append(ours, o), append(theirs, t), append(ratios, o/t)
		spent, spentThere = append(spent, cpu), append(spentThere, cpuThere)
	}
	return []figure{
		{name: "gets per second, 8 callers / git credential-cache get", value: median(ratios), format: "%.2f", bound: 0.95, least: true,
			note: fmt.Sprintf("median of %d turns; %.0f and %.0f a second", turns, median(ours), median(theirs))},
		{name: "processor time of such a get", value: median(spent), format: "%.2f ms",
			note: fmt.Sprintf("git credential-cache get, without its daemon: %.2f ms", median(spentThere))},
	}, nil
}

// together runs 8 callers for some time and returns the answers per second, and the
// milliseconds of processor time of each.
func together(l *launch) (perSecond, spent float64, err error) {
	const callers, long = 8, 2 * time.Second
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	end := time.Now().Add(long + 100*time.Millisecond) // for the callers' own start-up
	var group sync.WaitGroup
	var mu sync.Mutex
	total, micros, failed := 0, 0, error(nil)
	for range callers {
		group.Go(func() {
			cmd := exec.Command(self, append([]string{callerWord, strconv.FormatInt(end.UnixMilli(), 10), l.stdin}, l.argv...)...)
			cmd.Env, cmd.Dir = l.env, l.dir
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			var n, spent int
			_, e := fmt.Sscan(string(out), &n, &spent)
			mu.Lock()
			defer mu.Unlock()
			total, micros = total+n, micros+spent
			if err != nil || e != nil {
				failed = fmt.Errorf("a caller failed: %v: %s", err, stderr.String())
			}
		})
	}
	group.Wait()
	return float64(total) / long.Seconds(), float64(micros) / 1000 / float64(max(total, 1)), failed
}
