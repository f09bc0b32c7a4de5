package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/credhelper/credhelper/internal/crowd"
	"github.com/credhelper/credhelper/internal/program"
)

// soakTime reads how long the soak is; "" is an hour.
func soakTime(text string) (time.Duration, error) {
	if text == "" {
		return time.Hour, nil
	}
	long, err := time.ParseDuration(text)
	if err == nil && long < time.Minute {
		err = fmt.Errorf("a soak of %v shows nothing: a minute at least", long)
	}
	return long, err
}

// series is one thing that must not grow.
type series struct {
	name   string
	format string
	bound  float64 // the most that it may have grown
	values []float64
}

// growth compares the medians of the first and the last third.
func (s *series) growth() figure {
	third := len(s.values) / 3
	first, last := median(append([]float64(nil), s.values[:third]...)), median(append([]float64(nil), s.values[len(s.values)-third:]...))
	return figure{name: "soak: " + s.name + ": growth", value: last - first, format: s.format, bound: s.bound,
		note: fmt.Sprintf(s.format+" in the first third, "+s.format+" in the last; %d samples", first, last, len(s.values))}
}

// soaking collects the samples of a soak.
type soaking struct {
	home   *program.Home
	began  time.Time
	order  []string
	series map[string]*series
	failed error
}

func (s *soaking) add(name, format string, bound, value float64) {
	one := s.series[name]
	if one == nil {
		one = &series{name: name, format: format, bound: bound}
		s.series[name], s.order = one, append(s.order, name)
	}
	one.values = append(one.values, value)
}

const (
	mebibyte = 1 << 20
	octets   = "%.2f MiB"
	number   = "%.0f"
)

// take takes one member's sample. The bounds are what the runtime's own ups and
// downs need: a leak of 40 octets a call, or of 10 KiB a token, is over them within
// an hour.
func (s *soaking) take(o crowd.Order, sample crowd.Sample) {
	way := string(o.Way)
	s.add(way+", caller's heap", octets, 1, float64(sample.Heap)/mebibyte)
	s.add(way+", caller's goroutines", number, 2, float64(sample.Goroutines))
	s.add(way+", caller's descriptors", number, 1, float64(sample.Descriptors))
	if c := sample.Child; c != nil {
		s.add(way+", credhelper's resident memory", octets, 4, float64(c.Resident)/mebibyte)
		s.add(way+", credhelper's threads", number, 2, float64(c.Threads))
		if c.Descriptors > 0 {
			s.add(way+", credhelper's descriptors", number, 1, float64(c.Descriptors))
		}
	}
	if o.Way == crowd.Source {
		s.takeHome()
		fmt.Fprintf(os.Stderr, "%5.0f s, %d calls by this way\n", time.Since(s.began).Seconds(), sample.Calls)
	}
}

// takeHome looks at what lies on disk. The log grows until it is turned over, so
// that only its bound counts.
func (s *soaking) takeHome() {
	var files, size, log float64
	err := filepath.WalkDir(s.home.Dirs.State, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil: // a temporary file that was renamed meanwhile
		case strings.HasPrefix(path, s.home.Dirs.Log()):
			log += float64(info.Size())
		default:
			files, size = files+1, size+float64(info.Size())
		}
		return nil
	})
	if err != nil {
		s.failed = err
	}
	s.add("files of state", number, 1, files)
	s.add("size of state, without the log", octets, 0.01, size/mebibyte)
	s.add("size of the log", octets, 3, log/mebibyte) // two files of a mebibyte at most
}

// soak asks for tokens of two seconds for a long time, 200 times a second by each
// way that keeps a process.
func (b *bench) soak() ([]figure, error) {
	const life, goroutines, pause = 2, 4, 40 * time.Millisecond
	command, err := memberCommand()
	if err != nil {
		return nil, err
	}
	server, home, err := b.shortLived("soak", life*time.Second, 0)
	if err != nil {
		return nil, err
	}
	every := min(10*time.Second, b.long/30)
	s := &soaking{home: home, began: time.Now(), series: map[string]*series{}}
	var orders []crowd.Order
	for _, way := range []crowd.Way{crowd.Source, crowd.Plugin, crowd.Serve} {
		orders = append(orders, crowd.Order{Way: way, Bin: home.Bin, Env: home.Env, Profile: profileName, Goroutines: goroutines, Pause: pause, Every: every})
	}
	before := server.Count()
	tally, err := crowd.Run(command, orders, b.long, s.take)
	if err != nil {
		return nil, err
	}
	for _, f := range tally.Failures {
		fmt.Fprintln(os.Stderr, f)
	}
	if len(s.order) == 0 || len(s.series[s.order[0]].values) < 9 {
		return nil, fmt.Errorf("too few samples")
	}
	figures := s.requests(tally, server.Count()-before, life)
	for _, name := range s.order {
		figures = append(figures, s.series[name].growth())
	}
	return figures, s.failed
}

// requests holds the number of token requests against the tokens that were needed.
func (s *soaking) requests(tally *crowd.Tally, requests int, life int64) []figure {
	needed := tally.Span()/life + 1
	return []figure{
		{name: "soak: requests per token", value: float64(requests) / float64(max(1, len(tally.Tokens))), format: "%.3f", bound: 1, exact: true,
			note: fmt.Sprintf("%d-second tokens, %d of them in %.0f s", life, len(tally.Tokens), time.Since(s.began).Seconds())},
		{name: "soak: tokens that were needed", value: float64(len(tally.Tokens) - tally.Early(life)), format: number, bound: float64(len(tally.Tokens)), exact: true,
			note: fmt.Sprintf("of %d ends that there were time for", needed)},
		{name: "soak: answered", value: float64(tally.Calls - tally.Failed), format: number, bound: float64(tally.Calls), exact: true,
			note: fmt.Sprintf("the slowest after %.2f s", tally.Slowest.Seconds())},
	}
}
