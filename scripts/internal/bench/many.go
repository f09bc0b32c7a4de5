package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// What it costs that there are many profiles, each with three origins: a host of its
// own, a wildcard, and a path on a host that all share.

// size is how many profiles a home has.
type size struct {
	profiles int
	text     string
}

// sizes are how many profiles a home may have.
var sizes = [...]size{{1, "1 profile"}, {1000, "1,000"}, {10_000, "10,000"}, {100_000, "100,000"}}

const (
	nobody     = "https://github.com/torvalds/linux"
	serverTime = 20 * time.Millisecond // that the server takes for a token
)

// withProfiles is a home with so many profiles, which is made when it is first needed.
func (b *bench) withProfiles(n int) (*program.Home, error) {
	switch n {
	case 1:
		return b.one, nil
	case manyOthers + 1:
		return b.many, nil
	}
	if home := b.more[n]; home != nil {
		return home, nil
	}
	home, err := b.home(fmt.Sprint("home-", n))
	if err == nil {
		err = b.profiles(home, n-1)
	}
	if err == nil {
		err = warm(home)
	}
	if err != nil {
		return nil, err
	}
	if b.more == nil {
		b.more = map[int]*program.Home{}
	}
	b.more[n] = home
	return home, nil
}

// warm has the engine look at all profiles; on a busy machine it takes several calls to
// read 100,000 for the first time.
func warm(home *program.Home) error {
	if _, err := home.Run("", "token", profileName); err != nil {
		return err
	}
	time.Sleep(50 * time.Millisecond) // or the stamps of the directories are not trusted
	_, err := answered(home)
	return err
}

// pairs are all launches of the paired run, with homes of these sizes.
func (b *bench) pairs(sizes []size) ([]*launch, error) {
	launches := append([]*launch(nil), b.launches...)
	stdin := filepath.Join(b.dir, "nobody.stdin")
	if err := os.WriteFile(stdin, []byte("protocol=https\nhost=github.com\n\n"), 0o600); err != nil {
		return nil, err
	}
	for _, size := range sizes {
		home, err := b.withProfiles(size.profiles)
		if err != nil {
			return nil, err
		}
		cmd := home.Command("git-credential-credhelper", "get")
		launches = append(launches, &launch{name: nameNobody + size.text, argv: cmd.Args, env: cmd.Env, dir: cmd.Dir, stdin: stdin})
	}
	if b.cold == nil {
		var err error
		if b.cold, err = b.warmHome("cold", 0, ""); err != nil {
			return nil, err
		}
	}
	cmd := b.cold.Command("token", profileName)
	return append(launches, &launch{name: nameMiss, argv: cmd.Args, env: cmd.Env, dir: cmd.Dir, want: ".", before: b.cold.Empty, spent: b.server.Spent}), nil
}

// survey measures the calls for which all profiles are looked at.
func (b *bench) survey() ([]figure, error) {
	var figures []figure
	for _, f := range []struct {
		name    string
		measure func() (float64, error)
		format  string
		bound   float64
	}{
		{"a call that compares 10,000 profiles again", b.renewal, "%.0f ms", 60},
		{"the first call by URL after one of 10,000 profiles was dropped in", b.newcomer, "%.0f ms", 60},
		{"the first call ever in a home of 100,000 profiles", b.first, "%.1f s", 5},
		{"calls with a limit of 1 s until a home of 100,000 profiles answers", b.limited, "%.0f", 3},
		{"doctor with 1,000 profiles, offline", b.doctor, "%.2f s", 2},
	} {
		value, err := f.measure()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		figures = append(figures, figure{name: f.name, value: value, format: f.format, bound: f.bound})
	}
	return figures, nil
}

// askNobody asks for the token of a host that nobody owns, and returns the exit code.
func askNobody(home *program.Home, more ...string) (code int, took time.Duration, err error) {
	cmd := home.Command(append([]string{"token", nobody}, more...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	err = cmd.Run()
	took = time.Since(began)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, took, fmt.Errorf("a token for a host of nobody's: %v", err)
	}
	if code = exit.ExitCode(); code != 3 && len(more) == 0 {
		return code, took, errors.New(stderr.String())
	}
	return code, took, nil
}

// renewal is the time in milliseconds of a call by which the last comparison of all
// files is too old.
func (b *bench) renewal() (float64, error) {
	if _, _, err := askNobody(b.many); err != nil {
		return 0, err
	}
	hosts := filepath.Join(b.many.Dirs.Run(), "hosts")
	old, err := os.ReadFile(hosts)
	if err != nil {
		return 0, err
	}
	time.Sleep(11 * time.Second)
	var all []float64
	for range 11 {
		if err := os.WriteFile(hosts, old, 0o600); err != nil {
			return 0, err
		}
		_, took, err := askNobody(b.many)
		if err != nil {
			return 0, err
		}
		all = append(all, took.Seconds()*1000)
	}
	return median(all), nil
}

// newcomer is the time in milliseconds of a call whose route no longer holds: all
// profiles are looked at to find the owner of the URL, and the new one is read.
func (b *bench) newcomer() (float64, error) {
	var all []float64
	for i := range 5 {
		p := program.Profile{Name: fmt.Sprintf("newcomer-%d", i), Origin: fmt.Sprintf("https://newcomer-%d.example.org", i), TokenURL: b.server.TokenURL(), ClientID: "bench"}
		if err := b.many.AddProfile(p); err != nil {
			return 0, err
		}
		began := time.Now()
		if _, err := b.many.Run("", "header", "https://"+host+"/rest"); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began).Seconds()*1000)
	}
	return median(all), nil
}

// forget removes what is known of all profiles.
func forget(home *program.Home) error {
	var err error
	for _, name := range []string{"hosts", "hosts-buckets", "origins"} {
		err = errors.Join(err, os.Remove(filepath.Join(home.Dirs.Run(), name)))
	}
	return err
}

// first is the time in seconds of the first call in a home of 100,000 profiles.
func (b *bench) first() (float64, error) {
	home, err := b.withProfiles(100_000)
	if err != nil {
		return 0, err
	}
	if err := forget(home); err != nil {
		return 0, err
	}
	return answered(home)
}

// answered is the time in seconds of the calls until one is answered.
func answered(home *program.Home) (seconds float64, err error) {
	for range 5 {
		_, took, failed := askNobody(home)
		seconds += took.Seconds()
		if err = failed; err == nil {
			break
		}
	}
	return seconds, err
}

// limited is how many calls with a limit of a second such a home needs.
func (b *bench) limited() (float64, error) {
	home, err := b.withProfiles(100_000)
	if err == nil {
		err = forget(home)
	}
	for calls := 1; err == nil; calls++ {
		code, _, failed := askNobody(home, "--timeout", "1")
		if err = failed; code == 3 {
			return float64(calls), nil
		}
		if calls == 100 {
			err = errors.New("no end in sight")
		}
	}
	return 0, err
}

// doctor is the time in seconds that doctor takes for a thousand profiles, of which none
// but one has a secret.
func (b *bench) doctor() (float64, error) {
	home, err := b.withProfiles(1000)
	if err != nil {
		return 0, err
	}
	cmd := home.Command("doctor")
	began := time.Now()
	out, err := cmd.Output()
	if took := time.Since(began).Seconds(); bytes.Count(out, []byte("\n")) > 5 {
		return took, nil
	}
	return 0, fmt.Errorf("doctor says little: %w: %.200q", err, out)
}
