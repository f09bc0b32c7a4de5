package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/credhelper/credhelper/helper/pool/pooltest"
	"github.com/credhelper/credhelper/internal/program"
)

// pool measures a call that finds no token on its host, and takes that of a pool in a
// redis-server on this machine. Beside it, in the same rounds, run a command for which the
// engine does nothing, and a call that asks the authorization server.
func (b *bench) pool() ([]figure, error) {
	store, err := pooltest.Launch(b.dir)
	if err != nil {
		return nil, err
	}
	b.ends = append(b.ends, store.Close)
	key := filepath.Join(b.dir, "pool.key")
	if _, err := b.one.Run("", "pool", "key", key); err != nil {
		return nil, err
	}
	member, err := b.member(store.Address(), key)
	if err != nil {
		return nil, err
	}
	const start, taken, asked = "the start of the engine", "a miss that a pool answers", "a miss that the server answers"
	call := func(name string, home *program.Home, args ...string) *launch {
		cmd := home.Command(args...)
		return &launch{name: name, argv: cmd.Args, env: cmd.Env, dir: cmd.Dir, want: ".", before: home.Empty}
	}
	alone := call(asked, b.one, "token", profileName)
	alone.spent = b.server.Spent
	b.server.SetDelay(serverTime)
	defer b.server.SetDelay(0)
	requests, rounds := b.server.Count(), min(b.rounds, 500)
	result, err := pairedRun([]*launch{call(start, member, "version"), call(taken, member, "token", profileName), alone}, rounds, func() error {
		for _, name := range program.Executables[:2] {
			if err := b.install(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := b.server.Count() - requests; n != rounds { // those of the call that asks
		return nil, fmt.Errorf("%d requests in %d rounds: the pool did not answer", n, rounds)
	}
	note := fmt.Sprintf("%.1f ms and %.1f ms; median of %d rounds", result[taken].milliseconds(), result[start].milliseconds(), rounds)
	return []figure{
		{name: taken + " (Redis) - " + start, value: result[taken].above(result[start]), format: "%.1f ms", bound: 10, note: note},
		{name: asked + ", beside its own time - " + start, value: result[asked].above(result[start]), format: "%.1f ms"},
	}, nil
}

// member is a host whose pool has a token.
func (b *bench) member(store, key string) (*program.Home, error) {
	home, err := b.home("member")
	if err != nil {
		return nil, err
	}
	settings, err := os.OpenFile(home.Dirs.Settings(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(settings, "\n[pool.bench]\nstore = [\"redis\", %q]\nkey = [\"file\", %q]\nlost = \"fail\"\n", store, key)
	if closed := settings.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	err = home.AddProfile(program.Profile{Name: profileName, Origin: "https://" + host, TokenURL: b.server.TokenURL(), ClientID: "bench",
		Secret: "bench-secret", More: "pool = \"bench\""})
	if err != nil {
		return nil, err
	}
	time.Sleep(50 * time.Millisecond) // stamps under 10 ms old are not trusted
	_, err = home.Run("", "token", profileName)
	return home, err
}
