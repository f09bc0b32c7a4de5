package pool_test

import (
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/pool"
	"github.com/credhelper/credhelper/helper/pool/pooltest"
)

// TestMemory runs the tests of all stores on the one in memory, with which the tests of
// this package are made.
func TestMemory(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	stores := map[string]*pooltest.Memory{}
	pooltest.Run(t, func(_ *testing.T, name string) pool.Store {
		if stores[name] == nil {
			stores[name] = &pooltest.Memory{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}
		}
		return stores[name].Store()
	}, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) })
}
