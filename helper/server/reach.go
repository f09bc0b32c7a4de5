package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/printable"
)

// ReachResult is the result of contacting the host of token endpoints without credentials.
type ReachResult struct {
	Host     string        // such as "https://login.example.com"
	Proxy    string        // the proxy in use, without user and password; may be empty
	Profiles []string      // profiles with an endpoint there, in ascending order
	Skew     time.Duration // the server's clock less ours; 0 if unknown
	Err      error         // why there was no response, as Get would report it
	Untried  bool          // the time was over before it was this host's turn
}

// mostAtOnce is the maximum number of concurrent requests.
const mostAtOnce = 16

// Reach contacts each host of the profiles' token endpoints once, without credentials,
// until ctx ends; if profiles differ in proxy or CAs, once for each combination. It is
// for a person who looks for a fault.
func (ss *Servers) Reach(ctx context.Context, profiles []*config.Profile) []ReachResult {
	type way struct{ host, proxy, roots string }
	var first []*config.Profile
	var list []ReachResult
	index := map[way]int{}
	for _, p := range profiles {
		u, err := url.Parse(p.TokenURL)
		if err != nil || u.Host == "" { // a grant that asks no server
			continue
		}
		w := way{u.Scheme + "://" + u.Host, p.Proxy, string(p.CA)}
		i, found := index[w]
		if !found {
			i = len(list)
			index[w] = i
			first = append(first, p)
			list = append(list, ReachResult{Host: w.host, Proxy: ss.ProxyName(p)})
		}
		list[i].Profiles = append(list[i].Profiles, p.Name)
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, mostAtOnce)
	for i := range list {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			slices.Sort(list[i].Profiles)
			if list[i].Untried = ctx.Err() != nil; list[i].Untried {
				return
			}
			list[i].Skew, list[i].Err = ss.reach(ctx, first[i])
		})
	}
	all.Wait()
	return list
}

func (ss *Servers) reach(ctx context.Context, p *config.Profile) (time.Duration, error) {
	client := ss.client(p)
	var err error
	if client.HTTP, err = ss.connection(p, tls.Certificate{}); err != nil {
		return 0, err
	}
	skew, err := client.Reach(ctx)
	if err != nil {
		return 0, failure.Token(p, err)
	}
	return skew, nil
}

// TrySource reads a source of the profile and discards the value. The error says why
// the source cannot be used; it is protocol.ErrNoSecret if the source is empty.
func (ss *Servers) TrySource(ctx context.Context, p *config.Profile, s config.Source) error {
	if s.Elsewhere() || s.Words[0] == "environment" {
		return nil // Status and doctor check that, and a command may work without a variable
	}
	source, err := ss.Source(p, s.Words)
	if err == nil {
		_, err = source.ReadKey(ctx)
	}
	if err != nil {
		e := &protocol.Error{Kind: failure.KindOf(err), Text: printable.Line("profile " + p.Name + ": " + s.Key + ": " + err.Error())}
		if cause := new(protocol.Error); errors.As(err, &cause) {
			e.Hint = cause.Hint
		}
		return e
	}
	return nil
}
