// Bench measures the whole program as it is released and prints one table of
// figures with their bounds (docs/performance.md says what each means).
//
//	scripts/bench          everything, some minutes
//	scripts/bench gate     only the instructions of a cached answer: the gate in CI
//	scripts/bench paired   only the start-up costs; -rounds N
//
// It exits 1 if a figure is over its bound.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == callerWord {
		os.Exit(call(os.Args[2:]))
	}
	rounds := flag.Int("rounds", 1500, "rounds of the paired run")
	flag.Parse()
	table, err := measure(flag.Arg(0), *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/bench:", err)
		os.Exit(2)
	}
	fmt.Print(table)
	if table.over() {
		os.Exit(1)
	}
}

// part is one group of figures.
type part struct {
	name    string
	measure func(*bench) ([]figure, error)
}

// parts are all of them, in the order in which they run.
var parts = [...]part{
	{"gate", (*bench).instructions},
	{"paired", (*bench).paired},
	{"memory", (*bench).memory},
	{"inside", (*bench).inside},
	{"callers", (*bench).callers},
	{"miss", (*bench).miss},
	{"storm", (*bench).storm},
	{"killed", (*bench).killed},
}

// measure runs the part of that name, or all of them.
func measure(name string, rounds int) (table, error) {
	b, err := setUp(rounds)
	if err != nil {
		return nil, err
	}
	defer b.close()
	var t table
	for _, p := range parts {
		if name != "" && p.name != name {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", p.name)
		figures, err := p.measure(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		t = append(t, figures...)
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("no part %q", name)
	}
	return t, nil
}
