package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/internal/program"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/bearer"
	"github.com/credhelper/credhelper/protocol/connector"
)

// The cost of a cached token for a long-running program, with each interface in
// docs/connectors.md.

var cachedRequest = protocol.Request{Verb: protocol.Get, Profile: profileName}

// library measures the interfaces without another process.
func (b *bench) library() ([]figure, error) {
	h, err := inProcess(b.one)
	if err != nil {
		return nil, err
	}
	get, err := hit(func() error { return answers(h) })
	if err != nil {
		return nil, err
	}
	source := &bearer.TokenSource{Answerer: h, Request: protocol.Request{Profile: profileName}}
	token, err := hit(func() error {
		t, err := source.Token()
		if err == nil && len(t.AccessToken) != tokenSize {
			err = errors.New("not the cached token")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: "TokenSource in process, a hit", value: nanoseconds(token), format: "%.0f ns", bound: 200, note: "go test -bench, median of 5"},
		{name: "TokenSource in process, allocations in 1,000 hits", value: float64(1000*token.MemAllocs) / float64(token.N), format: "%.0f", bound: 1,
			note: "asking anew ten times a second among them"},
		{name: "helper.Get in process, cached", value: nanoseconds(get), format: "%.0f ns", note: fmt.Sprintf("%d allocations", get.AllocsPerOp())},
	}, nil
}

// inProcess returns a helper as in a Go program that imports it.
func inProcess(home *program.Home) (*helper.Helper, error) {
	config, err := helper.FromEnvironment(home.Env, os.Getuid())
	if err != nil {
		return nil, err
	}
	return helper.New(config), nil
}

// answers asks once and checks the answer.
func answers(a protocol.Answerer) error {
	c, err := a.Get(context.Background(), cachedRequest)
	if err == nil && (c.Secret.Len() != tokenSize || c.Source != "cache") {
		err = fmt.Errorf("not the cached token: %d bytes from the %s", c.Secret.Len(), c.Source)
	}
	return err
}

// hit benchmarks a call: the median of 5 runs by time.
func hit(call func() error) (testing.BenchmarkResult, error) {
	var failed error
	var all []testing.BenchmarkResult
	for range 5 {
		all = append(all, testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					failed = err
					b.FailNow()
				}
			}
		}))
	}
	slices.SortFunc(all, func(x, y testing.BenchmarkResult) int { return int(nanoseconds(x) - nanoseconds(y)) })
	return all[len(all)/2], failed
}

// nanoseconds returns the time of a call, with the fraction that NsPerOp drops.
func nanoseconds(r testing.BenchmarkResult) float64 {
	return float64(r.T.Nanoseconds()) / float64(max(r.N, 1))
}

// plugin measures a cached token over gRPC from the real credhelper plugin.
func (b *bench) plugin() ([]figure, error) {
	const calls, bound, auditedBound = 10_000, 150, 180
	alone, together, err := b.overPlugin(b.one, calls)
	if err != nil {
		return nil, err
	}
	audited, many, err := b.overPlugin(b.audit, calls)
	if err != nil {
		return nil, fmt.Errorf("audit = \"all\": %w", err)
	}
	return []figure{
		{name: "cached token over go-plugin, mutual TLS: one call", value: alone[len(alone)/2], format: "%.0f µs", bound: bound,
			note: fmt.Sprintf("median of %d, one at a time; on average %.0f µs, 99 in 100 within %.0f µs", len(alone), mean(alone), alone[len(alone)*99/100])},
		{name: "the same, 16 goroutines", value: together, format: "%.0f /s"},
		{name: "the same with audit = \"all\": one call", value: audited[len(audited)/2], format: "%.0f µs", bound: auditedBound, note: fmt.Sprintf("16 goroutines: %.0f /s", many)},
	}, nil
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// overPlugin returns the times in µs of consecutive calls, in order, and how many calls
// a second 16 goroutines make.
func (b *bench) overPlugin(home *program.Home, calls int) (alone []float64, together float64, err error) {
	var stderr bytes.Buffer
	client, err := connector.Dial(connector.Config{Path: filepath.Join(home.Bin, "credhelper"), Env: home.Env, Warnings: &stderr})
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	for range calls / 20 { // warm-up
		if err := answers(client); err != nil {
			return nil, 0, err
		}
	}
	for range calls {
		began := time.Now()
		if err := answers(client); err != nil {
			return nil, 0, err
		}
		alone = append(alone, float64(time.Since(began).Nanoseconds())/1000)
	}
	slices.Sort(alone)
	together, err = rate(16, 2*time.Second, func() error { return answers(client) })
	return alone, together, err
}

// rate returns how many calls a second some goroutines make.
func rate(goroutines int, long time.Duration, call func() error) (float64, error) {
	var group sync.WaitGroup
	var count atomic.Int64
	failed := make(chan error, goroutines)
	began := time.Now()
	for range goroutines {
		group.Go(func() {
			for time.Since(began) < long {
				if err := call(); err != nil {
					failed <- err
					return
				}
				count.Add(1)
			}
		})
	}
	group.Wait()
	took := time.Since(began)
	close(failed)
	var all []error
	for err := range failed {
		all = append(all, err)
	}
	return float64(count.Load()) / took.Seconds(), errors.Join(all...)
}
