package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// miss measures a call that has to ask the server, without the time of the server
// itself.
func (b *bench) miss() ([]figure, error) {
	const runs, bound = 41, 15
	one, err := b.missIn(b.one, runs)
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: "a miss through the engine, beside the server's own time", value: one, format: "%.1f ms", bound: bound, note: fmt.Sprintf("median of %d", runs)},
	}, nil
}

// missIn returns the median time of a call with an empty cache, in milliseconds.
func (b *bench) missIn(home *program.Home, runs int) (float64, error) {
	b.server.SetDelay(serverTime)
	defer b.server.SetDelay(0)
	var all []float64
	for range runs {
		if err := home.Empty(); err != nil {
			return 0, err
		}
		spent, began := b.server.Spent(), time.Now()
		if _, err := home.Run("", "token", profileName); err != nil {
			return 0, err
		}
		took := time.Since(began) - (b.server.Spent() - spent)
		all = append(all, took.Seconds()*1000)
	}
	return median(all), nil
}

// storm starts 200 processes with an empty cache.
func (b *bench) storm() ([]figure, error) {
	const processes, repeats, delay = 200, 20, 50 * time.Millisecond
	b.server.SetDelay(delay)
	defer b.server.SetDelay(0)
	most, failures := 0, 0
	var walls []float64
	for range repeats {
		if err := b.one.Empty(); err != nil {
			return nil, err
		}
		before, began := b.server.Count(), time.Now()
		failed, texts := b.crowd(processes)
		walls = append(walls, time.Since(began).Seconds()*1000)
		if failures += failed; failed > 0 {
			fmt.Println(texts)
		}
		if n := b.server.Count() - before; n == 0 || n > most {
			most = n
		}
	}
	return []figure{
		{name: "200 processes, empty cache: requests", value: float64(most), format: "%.0f", bound: 1, exact: true,
			note: fmt.Sprintf("the worst of %d repeats; server %v, all done after %.0f ms (median)", repeats, delay, median(walls))},
		{name: "200 processes, empty cache: answered", value: float64(processes*repeats - failures), format: "%.0f", bound: processes * repeats, exact: true},
	}, nil
}

// crowd runs processes concurrently and counts those without an answer.
func (b *bench) crowd(processes int) (failed int, texts string) {
	var group sync.WaitGroup
	var mu sync.Mutex
	for range processes {
		group.Go(func() {
			out, err := b.one.Run("", "token", profileName)
			if err != nil || len(out) < tokenSize {
				mu.Lock()
				failed++
				texts = fmt.Sprint(err)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return failed, texts
}

// killed kills the process that fetches while 20 others wait for it.
func (b *bench) killed() ([]figure, error) {
	const waiters, slow = 20, 3 * time.Second
	if err := b.one.Empty(); err != nil {
		return nil, err
	}
	b.server.SetDelay(slow)
	defer b.server.SetDelay(0)
	before := b.server.Count()
	leader := b.one.Command("token", profileName)
	if err := leader.Start(); err != nil {
		return nil, err
	}
	for i := 0; b.server.Count() == before; i++ {
		if time.Sleep(time.Millisecond); i == 5000 {
			return nil, fmt.Errorf("the first process asks nothing")
		}
	}
	b.server.SetDelay(50 * time.Millisecond)
	others := make([]*exec.Cmd, waiters)
	outs := make([]bytes.Buffer, waiters)
	for i := range others {
		others[i] = b.one.Command("token", profileName)
		others[i].Stdout = &outs[i]
		if err := others[i].Start(); err != nil {
			return nil, err
		}
	}
	time.Sleep(700 * time.Millisecond) // until all wait for the lock
	if err := leader.Process.Kill(); err != nil {
		return nil, err
	}
	began, answered := time.Now(), 0
	_ = leader.Wait() // killed, as it should be
	for i := range others {
		if others[i].Wait() == nil && outs[i].Len() > tokenSize {
			answered++
		}
	}
	took := time.Since(began)
	return []figure{
		{name: "SIGKILL of the fetching process, 20 wait: answered", value: float64(answered), format: "%.0f", bound: waiters, exact: true,
			note: fmt.Sprintf("all answered %.0f ms after the kill; server 50 ms", took.Seconds()*1000)},
		{name: "SIGKILL of the fetching process, 20 wait: requests", value: float64(b.server.Count() - before), format: "%.0f", bound: 2, exact: true},
	}, nil
}
