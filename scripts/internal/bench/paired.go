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

// pairedRun measures all launches together. How the pages of a file lie in memory differs
// between two copies of it, and changes the time of a start by up to a fifth; so all
// executables are installed again every 50 rounds.
func pairedRun(launches []*launch, rounds int, install func() error) (map[string]times, error) {
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
	const rare, installed = 15, 50
	for round := range rounds {
		if round%installed == 0 {
			if err := install(); err != nil {
				return nil, err
			}
		}
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

// above returns the median of the differences of two programs' times, in milliseconds.
func (t times) above(base times) float64 {
	var differences []float64
	for i := range t {
		if t[i] > 0 && base[i] > 0 {
			differences = append(differences, (t[i]-base[i]).Seconds()*1000)
		}
	}
	return median(differences)
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
