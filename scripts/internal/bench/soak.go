package main

import (
	"fmt"
	"os"
	"time"

	"github.com/credhelper/credhelper/internal/crowd"
)

// soakTime parses the duration of the soak; "" is an hour.
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

// soak asks for tokens of two seconds for a long time, 200 times a second with each
// interface that keeps a process.
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
	watch := crowd.NewWatch(home.Dirs.State, home.Dirs.Log(), crowd.Source)
	began := time.Now()
	each := func(o crowd.Order, s crowd.Sample) {
		watch.Take(o, s)
		if o.Way == crowd.Source {
			fmt.Fprintf(os.Stderr, "%5.0f s, %d calls by each way\n", time.Since(began).Seconds(), s.Calls)
		}
	}
	var orders []crowd.Order
	for _, way := range []crowd.Way{crowd.Source, crowd.Plugin, crowd.Serve} {
		orders = append(orders, crowd.Order{Way: way, Bin: home.Bin, Env: home.Env, Profile: profileName, Goroutines: goroutines, Pause: pause, Every: min(10*time.Second, b.long/30)})
	}
	before := server.Count()
	tally, err := crowd.Run(command, orders, b.long, each)
	if err != nil {
		return nil, err
	}
	for _, f := range tally.Failures {
		fmt.Fprintln(os.Stderr, f)
	}
	figures := soaked(tally, server.Count()-before, life)
	grown, err := watch.Grown()
	for _, g := range grown {
		figures = append(figures, figure{name: "soak: " + g.Name + ": growth", value: g.By(), format: g.Format, bound: g.Bound, note: g.String()})
	}
	return figures, err
}

// soaked compares the number of token requests with the number of tokens that were
// needed.
func soaked(tally *crowd.Tally, requests int, life int64) []figure {
	needed := tally.Span()/life + 1
	return []figure{
		{name: "soak: requests per token", value: float64(requests) / float64(max(1, len(tally.Tokens))), format: "%.3f", bound: 1, exact: true,
			note: fmt.Sprintf("%d-second tokens, %d of them", life, len(tally.Tokens))},
		{name: "soak: tokens that were needed", value: float64(len(tally.Tokens) - tally.Early(life)), format: "%.0f", bound: float64(len(tally.Tokens)), exact: true,
			note: fmt.Sprintf("of %d ends that there were time for", needed)},
		{name: "soak: answered", value: float64(tally.Calls - tally.Failed), format: "%.0f", bound: float64(tally.Calls), exact: true,
			note: fmt.Sprintf("the slowest after %.2f s", tally.Slowest.Seconds())},
	}
}
