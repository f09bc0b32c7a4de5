package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions counts the user-space instructions of one answer of the front. The count
// hardly depends on the machine's load, so it is the gate in CI.
func (b *bench) instructions() ([]figure, error) {
	pairs, err := b.pairs(sizes[2:3])
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, f := range []struct {
		name  string
		bound float64
	}{{nameToken, 0.47}, {nameHeader, 0.52}, {nameNobody + sizes[2].text, 0.60}, {nameAudit, 0.62}} {
		i := slices.IndexFunc(pairs, func(l *launch) bool { return l.name == f.name })
		least, err := pairs[i].instructions()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		figures = append(figures, figure{name: "instructions of " + f.name, value: least, format: "%.3f million", bound: f.bound,
			note: fmt.Sprintf("callgrind, the least of %d", counted)})
	}
	return figures, nil
}

// counted is how many runs there are. The minimum counts: the rest is due to Go's
// scheduler on a busy machine.
const counted = 9

// instructions returns the millions of instructions of a launch.
func (l *launch) instructions() (float64, error) {
	var counts []float64
	stumbles := 0
	for len(counts) < counted {
		if err := l.check(); err != nil { // which also has the engine compare all files again
			return 0, err
		}
		cmd := exec.Command("valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=/dev/null"}, l.argv...)...)
		// Callgrind 3.19 sometimes fails an assertion because of the signals with which
		// Go's runtime preempts goroutines.
		cmd.Env, cmd.Dir = append(slices.Clone(l.env), "GODEBUG=asyncpreemptoff=1"), l.dir
		end, err := l.redirect(cmd)
		if err != nil {
			return 0, err
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		end()
		count := collected.FindSubmatch(stderr.Bytes())
		// Or the front has executed the engine, because 10 s had gone by since all files
		// were compared.
		if stumbles < counted && (count == nil || bytes.Contains(stderr.Bytes(), []byte("vgCallgrind_post_signal"))) {
			stumbles++
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("valgrind (Debian package valgrind): %w: %s", err, stderr.String())
		}
		if count == nil || !bytes.Contains(out, []byte(l.want)) {
			return 0, fmt.Errorf("valgrind counted nothing, or not an answer: %s", stderr.String())
		}
		n, err := strconv.ParseFloat(string(count[1]), 64)
		if err != nil {
			return 0, err
		}
		counts = append(counts, n/1e6)
	}
	return slices.Min(counts), nil
}

var perOp = regexp.MustCompile(`(?m)^BenchmarkGet\S*\s+\d+\s+([\d.]+) ns/op`)

// inside benchmarks opening and checking one sealed entry.
func (b *bench) inside() ([]figure, error) {
	cmd := exec.Command("go", "test", "-run=^$", "-bench=^BenchmarkGet$", "-benchtime=0.3s", "-count=5", "./helper/cache")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	var times []float64
	for _, m := range perOp.FindAllSubmatch(out, -1) {
		ns, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return nil, err
		}
		times = append(times, ns/1000)
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("no BenchmarkGet in helper/cache:\n%s", out)
	}
	return []figure{{name: "open and check one sealed entry, inside", value: median(times), format: "%.1f µs", bound: 10, note: "go test -bench, median of 5"}}, nil
}

// memory returns the peak resident memory of one answer from the cache.
func (b *bench) memory() ([]figure, error) {
	const runs, bound = 15, 3
	var sizes []float64
	for _, name := range []string{nameToken, nameEmpty} {
		var one []float64
		for range runs {
			bytes, err := peak(b.launch(name))
			if err != nil {
				return nil, err
			}
			one = append(one, float64(bytes)/(1<<20))
		}
		sizes = append(sizes, median(one))
	}
	return []figure{{name: "peak resident memory of credhelper token NAME", value: sizes[0], format: "%.2f MiB", bound: bound,
		note: fmt.Sprintf("median of %d; an empty program has %.2f MiB", runs, sizes[1])}}, nil
}
