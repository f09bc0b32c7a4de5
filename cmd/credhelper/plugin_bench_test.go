//go:build linux

package main_test

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/connector"
)

// BenchmarkPlugin measures one cached token of 1,200 bytes through go-plugin with mutual
// TLS, with the executables as released (docs/performance.md). It reports the median as
// well, because the mean says little on a shared machine.
func BenchmarkPlugin(b *testing.B) {
	client, request := pluginOf(b)
	var calls []time.Duration
	for b.Loop() {
		began := time.Now()
		c, err := client.Get(context.Background(), request)
		calls = append(calls, time.Since(began))
		if err != nil || c.Source != "cache" {
			b.Fatal(c.Source, err)
		}
	}
	slices.Sort(calls)
	b.ReportMetric(float64(calls[len(calls)/2].Microseconds()), "µs-median/op")
}

// pluginOf returns a client of a plugin that has a token, and a request for it.
func pluginOf(b *testing.B) (*connector.Client, protocol.Request) {
	h := warmHome(b, newServer(b))
	client, err := connector.Dial(connector.Config{Path: filepath.Join(h.Bin, "credhelper"), Env: h.Env})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return client, protocol.Request{Verb: protocol.Get, URL: urlOf(b, "https://api.example.com/rest/v1")}
}

// BenchmarkPluginTogether is the same with 16 goroutines: what one call costs in total.
func BenchmarkPluginTogether(b *testing.B) {
	client, request := pluginOf(b)
	b.SetParallelism(16 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(next *testing.PB) {
		for next.Next() {
			if _, err := client.Get(context.Background(), request); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
