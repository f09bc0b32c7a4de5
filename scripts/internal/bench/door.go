package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// doorGuest is what lend says of a guest.
type doorGuest struct {
	ID       string `json:"client_id"`
	Secret   string `json:"client_secret"`
	TokenURL string `json:"token_url"`
}

// basic returns the guest's Authorization field.
func (g doorGuest) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(g.ID+":"+g.Secret))
}

// form is the guest's token request.
func (g doorGuest) form(address string) []byte {
	_, rest, _ := strings.Cut(g.TokenURL, "://")
	_, path, _ := strings.Cut(rest, "/")
	const body = "grant_type=client_credentials"
	return fmt.Appendf(nil, "POST /%s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		path, address, g.basic(), len(body), body)
}

func lend(home *program.Home, profile, guest string) (g doorGuest, err error) {
	out, err := home.Run("", "lend", profile, "--to", guest, "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &g)
	}
	return g, err
}

// startDoor starts credhelper proxy, and returns its address and process.
func (b *bench) startDoor(home *program.Home, flags ...string) (address string, pid int, err error) {
	cmd := home.Command(append([]string{"proxy", "--listen", "127.0.0.1:0"}, flags...)...)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = b.running(cmd)
	}
	if err != nil {
		return "", 0, err
	}
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), "://")
	if err != nil || !found {
		return "", 0, fmt.Errorf("credhelper proxy: %q, %v", line, err)
	}
	return address, cmd.Process.Pid, nil
}

// doorHome creates a home with a profile whose API is at an address, and a guest.
func (b *bench) doorHome(name, upstream string) (home *program.Home, g doorGuest, err error) {
	if home, err = b.home(name); err != nil {
		return nil, g, err
	}
	p := program.Profile{Name: profileName, Origin: upstream, TokenURL: b.server.TokenURL(), ClientID: "bench", Secret: "bench-secret"}
	if err = home.AddProfile(p); err == nil {
		g, err = lend(home, profileName, "bench")
	}
	return home, g, err
}

// doorTo starts a door to an address.
func (b *bench) doorTo(name, upstream string) (*contender, doorGuest, error) {
	home, g, err := b.doorHome(name, upstream)
	if err != nil {
		return nil, g, err
	}
	address, pid, err := b.startDoor(home)
	if err != nil {
		return nil, g, err
	}
	return &contender{nameDoor, plainTo(address, g.basic()), pid}, g, nil
}

// doorRounds is how many rounds there are. All contenders take part in each, in a new
// random order.
const doorRounds = 15

// readings are one contender's, one per round, and what its process took in all.
type readings struct {
	latency, rate []float64
	spent         float64 // seconds of a processor
	requests      float64
}

// cost returns the processor time of a request in µs. It is less distorted by a busy
// machine than the others.
func (r *readings) cost() float64 { return r.spent * 1e6 / r.requests }

// spent returns the seconds of a processor that a process took so far; 0 if there is none.
func spent(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64) // digits
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100 // USER_HZ
}

// duel measures contenders in interleaved rounds.
func duel(contenders []*contender, requests int, long time.Duration) (map[string]*readings, error) {
	all := map[string]*readings{}
	for _, c := range contenders {
		all[c.name] = &readings{spent: -spent(c.pid)}
	}
	for range doorRounds {
		for _, i := range rand.Perm(len(contenders)) {
			c := contenders[i]
			latency, err := c.target.latency(requests)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			rate, err := c.target.throughput(16, long)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			one := all[c.name]
			one.latency, one.rate = append(one.latency, latency), append(one.rate, rate)
			one.requests += float64(requests) + rate*long.Seconds()
		}
	}
	for _, c := range contenders {
		all[c.name].spent += spent(c.pid)
	}
	return all, nil
}

// ratio returns the ratio of the medians of two series, and says the quartiles of the
// ratios of each round.
func ratio(of, to []float64) (float64, string) {
	var each []float64
	for i := range of {
		each = append(each, of[i]/to[i])
	}
	first, third := quartiles(each)
	return median(append([]float64{}, of...)) / median(append([]float64{}, to...)), fmt.Sprintf("quartiles %.2f to %.2f, %d rounds", first, third, len(each))
}

// added returns how much longer a series took than that without a proxy.
func added(of, direct []float64) (more []float64) {
	for i := range of {
		more = append(more, of[i]-direct[i])
	}
	return more
}

// door measures the door beside other proxies.
func (b *bench) door() ([]figure, error) {
	token := strings.Repeat("t", tokenSize)
	api, err := respond(1024, nil)
	if err != nil {
		return nil, err
	}
	upstream := "http://" + api.Addr().String()
	own, g, err := b.doorTo("door", upstream)
	if err != nil {
		return nil, err
	}
	bare, err := b.startBare(upstream, g.basic(), token)
	if err != nil {
		return nil, err
	}
	contenders, err := b.startOthers(api.Addr().String(), g.basic(), token)
	if err != nil {
		return nil, err
	}
	contenders = append(contenders, &contender{name: nameDirect, target: plainTo(api.Addr().String(), g.basic())}, bare, own)
	for _, c := range contenders[len(contenders)-2:] {
		if err := c.answers(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	all, err := duel(contenders, 1000, 300*time.Millisecond)
	if err != nil {
		return nil, err
	}
	return doorFigures(all), nil
}

// doorFigures compares the readings.
func doorFigures(all map[string]*readings) (figures []figure) {
	direct := all[nameDirect].latency
	own := added(all[nameDoor].latency, direct)
	for _, f := range []struct {
		to    string
		bound float64
	}{{nameBare, 1.4}, {nameCaddy, 1.0}, {nameNginx, 0}, {nameHAProxy, 0}} {
		value, note := ratio(own, added(all[f.to].latency, direct))
		figures = append(figures, figure{name: "door: added latency / " + f.to, value: value, format: "%.2f", bound: f.bound, note: note})
	}
	for _, f := range []struct {
		to    string
		bound float64
	}{{nameBare, 0.75}, {nameCaddy, 1.0}, {nameNginx, 0}, {nameHAProxy, 0}} {
		value, note := ratio(all[nameDoor].rate, all[f.to].rate)
		figures = append(figures, figure{name: "door: requests a second, 16 connections / " + f.to, value: value, format: "%.2f", bound: f.bound, least: true, note: note})
	}
	for _, to := range []string{nameBare, nameCaddy, nameHAProxy} { // nginx's work is its children's
		figures = append(figures, figure{name: "door: processor time of a request / " + to, value: all[nameDoor].cost() / all[to].cost(), format: "%.2f",
			note: fmt.Sprintf("%.0f µs and %.0f µs", all[nameDoor].cost(), all[to].cost())})
	}
	for _, name := range []string{nameDirect, nameBare, nameDoor, nameCaddy, nameNginx, nameHAProxy} {
		figures = append(figures, figure{name: "door: " + name, value: median(all[name].latency), format: "%.0f µs", note: fmt.Sprintf("median latency; %.0f requests a second", median(all[name].rate))})
	}
	return figures
}

// doorTokens measures the token endpoint beside a handler that answers 200 bytes.
func (b *bench) doorTokens() ([]figure, error) {
	own, g, err := b.doorTo("tokens", "http://127.0.0.1:1") // where nothing is sent
	if err != nil {
		return nil, err
	}
	bare, err := b.startBare("-", g.basic(), "")
	if err != nil {
		return nil, err
	}
	address, err := own.address()
	if err != nil {
		return nil, err
	}
	asks := &contender{nameDoor, target{func() (net.Conn, error) { return net.Dial("tcp", address) }, g.form(address)}, own.pid}
	all, err := duel([]*contender{bare, asks}, 500, 200*time.Millisecond)
	if err != nil {
		return nil, err
	}
	value, note := ratio(all[nameDoor].rate, all[nameBare].rate)
	return []figure{{name: "door: cached tokens a second / a bare handler of 200 bytes", value: value, format: "%.2f", bound: 0.75, least: true,
		note: fmt.Sprintf("%s; %.0f a second; processor time %.2f times the handler's", note, median(all[nameDoor].rate), all[nameDoor].cost()/all[nameBare].cost())}}, nil
}
