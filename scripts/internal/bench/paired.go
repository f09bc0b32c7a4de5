package main

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"
)

// A shared machine is never idle. So all programs take part in one run, once in each
// round, in a new random order, and the result is the median over the rounds of the
// ratio of two times in the same round.

// times are those of one program, one per round; 0: it did not run.
type times []time.Duration

// pairedRun measures all launches together.
func pairedRun(launches []*launch, rounds int) (map[string]times, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection here would affect some program
	result := map[string]times{}
	for _, l := range launches {
		if err := l.check(); err != nil {
			return nil, err
		}
		result[l.name] = make(times, rounds)
	}
	const rare = 15
	for round := range rounds {
		for _, i := range rand.Perm(len(launches)) {
			l := launches[i]
			if l.rarely && round%rare != 0 {
				continue
			}
			if result[l.name][round], err = l.once(null); err != nil {
				return nil, err
			}
		}
	}
	return result, nil
}

// over returns the median of the ratios of two programs' times.
func (t times) over(base times) float64 {
	var ratios []float64
	for i := range t {
		if t[i] > 0 && base[i] > 0 {
			ratios = append(ratios, float64(t[i])/float64(base[i]))
		}
	}
	return median(ratios)
}

// milliseconds returns the median time.
func (t times) milliseconds() float64 {
	var all []float64
	for _, d := range t {
		if d > 0 {
			all = append(all, d.Seconds()*1000)
		}
	}
	return median(all)
}
