// Mutants shows that the tests detect faults: each mutant is one small change of the
// code, kept as data beside this file, with the test that must fail. It is an error if
// a mutant survives, does not compile or no longer applies, or if its test did not run.
//
// The tree is never changed: the go command reads the changed file as an overlay.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	since := flag.String("since", "", "only mutants of packages that changed since this `revision`")
	only := flag.String("only", "", "only mutants whose name contains this `text`")
	share := flag.Int("share", 1, "only one mutant of each `N`; the number of commits says which")
	flag.Parse()
	if err := run(*since, *only, *share); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(since, only string, share int) error {
	all, err := load("scripts/internal/mutants")
	if err != nil {
		return err
	}
	chosen := all
	if since != "" {
		changed, err := changedSince(since)
		if err != nil {
			return err
		}
		chosen = slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return !m.touches(changed) })
	}
	if only != "" {
		chosen = slices.DeleteFunc(slices.Clone(chosen), func(m mutant) bool { return !strings.Contains(m.name, only) })
		if len(chosen) == 0 {
			return fmt.Errorf("no mutant's name contains %q", only)
		}
	}
	if share > 1 {
		if chosen, err = shareOf(chosen, share); err != nil {
			return err
		}
	}
	began := time.Now()
	failures := tryAll(chosen)
	fmt.Printf("%d mutants, %d killed, %d not; %d of %d tried, %.0f s\n",
		len(chosen), len(chosen)-failures, failures, len(chosen), len(all), time.Since(began).Seconds())
	if failures > 0 {
		return fmt.Errorf("%d mutants were not killed", failures)
	}
	return nil
}

// shareOf returns every n-th mutant. Each commit has another turn, so that runs at
// different commits try all.
func shareOf(mutants []mutant, n int) ([]mutant, error) {
	out, err := exec.Command("git", "rev-list", "--count", "HEAD").Output()
	if err != nil {
		return nil, fmt.Errorf("git rev-list: %w", err)
	}
	commits, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return nil, err
	}
	var chosen []mutant
	for i := commits % n; i < len(mutants); i += n {
		chosen = append(chosen, mutants[i])
	}
	return chosen, nil
}

// tryAll tries mutants on all processors and returns how many were not detected.
func tryAll(mutants []mutant) (failures int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	next := make(chan mutant)
	for range runtime.NumCPU() {
		all.Go(func() {
			for m := range next {
				began := time.Now()
				err := m.try()
				mu.Lock()
				if err != nil {
					failures++
					fmt.Printf("NOT KILLED  %s (%s): %v\n", m.name, m.source, err)
				} else {
					fmt.Printf("killed  %4.1f s  %s\n", time.Since(began).Seconds(), m.name)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		next <- m
	}
	close(next)
	all.Wait()
	return failures
}

// changedSince lists the directories of Go files that changed since a revision.
func changedSince(revision string) (map[string]bool, error) {
	out, err := exec.Command("git", "diff", "--name-only", revision, "--").Output()
	if err != nil {
		return nil, fmt.Errorf("git diff %s: %w", revision, err)
	}
	dirs := map[string]bool{}
	for name := range strings.Lines(string(out)) {
		dirs[filepath.Dir(strings.TrimSpace(name))] = true
	}
	return dirs, nil
}
