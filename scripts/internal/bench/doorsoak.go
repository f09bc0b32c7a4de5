package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhelper/credhelper/internal/crowd"
	"github.com/credhelper/credhelper/internal/program"
)

// doorSoak is some 75 seconds in which as many two-second tokens end as in an hour: 60 profiles,
// each with a guest that keeps asking its API and for tokens, while the server revokes all
// tokens every five seconds, and further guests come, ask and are revoked.
func (b *bench) doorSoak() ([]figure, error) {
	const profiles, long = 60, 75 * time.Second
	server, home, err := b.shortLived("visited", 2*time.Second, 0)
	if err != nil {
		return nil, err
	}
	var guests []doorGuest
	for i := range profiles {
		name := fmt.Sprint("p", i)
		err := home.AddProfile(program.Profile{Name: name, Origin: server.URL(), TokenURL: server.TokenURL(), ClientID: "bench", Secret: "bench-secret"})
		if err != nil {
			return nil, err
		}
		g, err := lend(home, name, fmt.Sprint("kept", i))
		if err != nil {
			return nil, err
		}
		guests = append(guests, g)
	}
	address, pid, err := b.startDoor(home)
	if err != nil {
		return nil, err
	}
	before := server.Count()
	v := &visits{address: address, end: time.Now().Add(long)}
	var group sync.WaitGroup
	for _, g := range guests {
		group.Go(func() { v.keepAsking(g) })
	}
	group.Go(func() { v.comeAndGo(home, profiles) })
	watch := crowd.NewWatch(home.Dirs.State, home.Dirs.Log(), crowd.Source)
	for n := 1; v.goOn(); n++ {
		time.Sleep(time.Second)
		if n%5 == 0 {
			server.RevokeAll()
		}
		if n > 30 { // after the runtime's first growth
			watchDoor(watch, pid)
		}
	}
	group.Wait()
	if err := v.failed.Load(); err != nil {
		return nil, *err
	}
	figures := []figure{{name: "door: soak, tokens", value: float64(server.Count() - before), format: "%.0f", bound: 20 * profiles, least: true,
		note: fmt.Sprintf("%d answers, %d refusals after revocations, %d guests came and went", v.answered.Load(), v.refused.Load(), v.gone.Load())}}
	grown, err := watch.Grown()
	for _, g := range grown {
		figures = append(figures, figure{name: "door: soak, " + g.Name + ": growth", value: g.By(), format: g.Format, bound: g.Bound, note: g.String()})
	}
	return figures, err
}

// watchDoor measures the door's process. Only root can see its descriptors. The bounds
// are wider than a soak's of an hour: the collector lets the heap grow to five times what
// is in use, and connections come and go. Four minutes show what a minute does not.
func watchDoor(w *crowd.Watch, pid int) {
	w.Add("resident memory", "%.2f MiB", 8, float64(resident(pid))/(1<<20))
	if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); err == nil {
		// The runtime keeps as many as ever waited at once, each for a profile's lock or
		// for the kernel.
		w.Add("threads", "%.0f", 8, float64(len(list)))
	}
	if list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		w.Add("descriptors", "%.0f", 12, float64(len(list)))
	}
}

// visits are the guests of a door for some time.
type visits struct {
	address string
	end     time.Time

	answered, refused, gone atomic.Int64
	failed                  atomic.Pointer[error]
}

func (v *visits) goOn() bool { return time.Now().Before(v.end) && v.failed.Load() == nil }

// fail ends the visits with the first error.
func (v *visits) fail(err error) { v.failed.CompareAndSwap(nil, &err) }

// keepAsking makes calls as one guest.
func (v *visits) keepAsking(g doorGuest) {
	for v.goOn() {
		if err := v.ask(g); err != nil {
			v.fail(err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// comeAndGo makes guests that come, ask, and are revoked.
func (v *visits) comeAndGo(home *program.Home, profiles int) {
	for n := 0; v.goOn(); n++ {
		name := fmt.Sprint("guest", n)
		g, err := lend(home, fmt.Sprint("p", n%profiles), name)
		if err == nil {
			time.Sleep(150 * time.Millisecond) // a change is seen after 100 ms
			err = v.ask(g)
		}
		if err == nil {
			_, err = home.Run("", "lend", "--revoke", name)
		}
		if err != nil {
			v.fail(err)
			return
		}
		v.gone.Add(1)
	}
}

// ask asks the API and the token endpoint once. A token that was fetched within the last
// minute is not replaced when the API refuses it, so after a revocation there are refusals.
func (v *visits) ask(g doorGuest) error {
	at, err := url.Parse(g.TokenURL)
	if err != nil {
		return err
	}
	form := strings.NewReader("grant_type=client_credentials")
	for _, call := range [...]struct {
		method, path string
		body         io.Reader
	}{{"GET", "/me", nil}, {"POST", at.Path, form}} {
		r, err := http.NewRequest(call.method, "http://"+v.address+call.path, call.body)
		if err != nil {
			return err
		}
		r.SetBasicAuth(g.ID, g.Secret)
		if call.body != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch answer.StatusCode {
		case 200:
			v.answered.Add(1)
		case 401, 503:
			v.refused.Add(1)
		default:
			return fmt.Errorf("%s %s: %s: %s", call.method, call.path, answer.Status, body)
		}
	}
	return nil
}
