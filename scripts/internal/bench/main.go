// Bench measures the program as it is released and prints a table of figures with their
// bounds (docs/performance.md explains each).
//
//	scripts/bench              everything but the soak, some minutes
//	scripts/bench gate         only the instructions of a cached answer, and sizes: the gate in CI
//	scripts/bench paired       only the start-up costs; -rounds N
//	scripts/bench connectors   only long-running programs
//	scripts/bench door         only the door, beside nginx, haproxy and Caddy
//	scripts/bench soak 1h      two-second tokens for an hour: does anything grow?
//
// It exits 1 if a figure exceeds its bound.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/credhelper/credhelper/internal/crowd"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == callerWord {
		os.Exit(call(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == memberWord {
		if err := crowd.Member(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 5 && os.Args[1] == bareWord {
		fmt.Fprintln(os.Stderr, bareProxy(os.Args[2:]))
		os.Exit(1)
	}
	rounds := flag.Int("rounds", 1500, "rounds of the paired run")
	flag.Parse()
	long, err := soakTime(flag.Arg(1))
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/bench:", err)
		os.Exit(2)
	}
	table, err := measure(flag.Arg(0), &bench{rounds: *rounds, long: long})
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
	group   string // another name for several parts
	measure func(*bench) ([]figure, error)
	plain   bool // it needs neither 10,000 profiles nor other helpers
	named   bool // only on request
}

const (
	groupConnectors = "connectors"
	groupDoor       = "door"
)

// parts lists all groups, in the order in which they run.
var parts = [...]part{
	{name: "gate", measure: (*bench).instructions},
	{name: "sizes", group: "gate", measure: (*bench).sizes},
	{name: "doorcost", group: "gate", measure: (*bench).doorCost, plain: true},
	{name: "paired", measure: (*bench).paired},
	{name: "many", measure: (*bench).survey},
	{name: "memory", measure: (*bench).memory},
	{name: "inside", measure: (*bench).inside},
	{name: "callers", measure: (*bench).callers},
	{name: "miss", measure: (*bench).miss},
	{name: "storm", measure: (*bench).storm},
	{name: "killed", measure: (*bench).killed},
	{name: "pool", measure: (*bench).pool, plain: true},
	{name: "library", group: groupConnectors, measure: (*bench).library, plain: true},
	{name: "plugin", group: groupConnectors, measure: (*bench).plugin, plain: true},
	{name: "lines", group: groupConnectors, measure: (*bench).lines, plain: true},
	{name: "expiry", group: groupConnectors, measure: (*bench).expiry, plain: true},
	{name: "mixed", group: groupConnectors, measure: (*bench).mixed, plain: true},
	{name: "doorspeed", group: groupDoor, measure: (*bench).door, plain: true, named: true},
	{name: "doortokens", group: groupDoor, measure: (*bench).doorTokens, plain: true, named: true},
	{name: "doortls", group: groupDoor, measure: (*bench).doorTLS, plain: true, named: true},
	{name: "doorstreams", group: groupDoor, measure: (*bench).doorStreams, plain: true, named: true},
	{name: "doorend", group: groupDoor, measure: (*bench).doorEnd, plain: true, named: true},
	{name: "doorsoak", group: groupDoor, measure: (*bench).doorSoak, plain: true, named: true},
	{name: "soak", measure: (*bench).soak, plain: true, named: true},
}

// chosen returns the parts of that name or group; all for "".
func chosen(name string) (list []part) {
	for _, p := range parts {
		if name == "" && !p.named || name != "" && (p.name == name || p.group == name) {
			list = append(list, p)
		}
	}
	return list
}

// measure runs the parts of that name or group, or all of them.
func measure(name string, b *bench) (table, error) {
	list := chosen(name)
	if len(list) == 0 {
		return nil, fmt.Errorf("no part %q", name)
	}
	plain := !slices.ContainsFunc(list, func(p part) bool { return !p.plain })
	defer b.close()
	if err := b.setUp(plain); err != nil {
		return nil, err
	}
	var t table
	for _, p := range list {
		fmt.Fprintln(os.Stderr, "measuring:", p.name)
		figures, err := p.measure(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		t = append(t, figures...)
	}
	return t, nil
}
