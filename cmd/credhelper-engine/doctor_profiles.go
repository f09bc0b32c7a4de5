package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/credhelper/credhelper/helper"
	"github.com/credhelper/credhelper/helper/config"
	"github.com/credhelper/credhelper/helper/expiry"
	"github.com/credhelper/credhelper/helper/failure"
	"github.com/credhelper/credhelper/helper/home"
)

// timeServer is the command that shows whether the clock is kept by a time server.
func timeServer() string {
	switch runtime.GOOS {
	case "windows":
		return "w32tm /query /status"
	case "darwin":
		return "systemsetup -getusingnetworktime"
	}
	return "timedatectl"
}

// profiles reports for each what is wrong with it or its secret.
func (x *examination) profiles() {
	all, problems := x.helper.Profiles()
	for _, problem := range problems {
		x.fail("profile", problem)
	}
	if stray := x.helper.Strays(); stray != "" {
		x.add("profile", note, stray, "rename or remove it")
	}
	if len(all) == 0 {
		if len(problems) == 0 {
			x.add("profile", note, "there are none yet", "credhelper add NAME --preset PRESET ...")
		}
		return
	}
	clashes, apart := home.Ambiguous(all)
	for _, problem := range clashes {
		x.fail("origins", problem)
	}
	for _, problem := range apart {
		x.add("origins", note, problem.Error()+"; a user name in git's URL chooses", "")
	}
	all = x.chosen(all)
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	if len(all) == 0 {
		return // the named profile cannot be read, which is already reported
	}
	list, err := x.helper.Status(x.ctx, names...)
	if err != nil {
		x.fail("profile", err)
		return
	}
	for i := range list {
		x.profile(all[i], list[i])
	}
	x.sources(all)
	x.pools(all)
	x.endpoints(all)
}

func (x *examination) profile(p *config.Profile, st helper.Status) {
	for _, w := range seldomMeant(p) {
		x.add("profile", note, p.Name+": "+w, "")
	}
	now, end := x.now(), st.Expiry()
	urgency := end.Urgency(now)
	switch {
	case st.Err != nil: // it was changed since it was read
		x.fail("profile", st.Err)
	case st.SecretErr != nil:
		x.fail("profile", st.SecretErr)
	case len(st.Changes) > 0:
		x.add("profile", bad, p.Name+": its secret was stored for other "+st.Changes[0].Name, "credhelper rebind "+p.Name)
	case urgency == expiry.Over:
		x.add("profile", bad, p.Name+": its "+end.Words(now), renewalOf(st, end))
	case st.Token.Wait > 0:
		x.add("profile", bad, p.Name+": not asked again for "+failure.Span(st.Token.Wait)+": "+st.Token.Reason, onKeeper(p)+whatNext(p.Name, st.Token))
	case urgency > expiry.Calm:
		result := note
		if urgency == expiry.Pressing {
			result = warn
		}
		x.add("profile", result, p.Name+": its "+end.Words(now), renewalOf(st, end))
	default:
		x.add("profile", good, p.Name+": "+explainToken(st.Token), "")
	}
}

// onKeeper begins a hint for a host that only reads its pool: a keeper has to follow it. It
// is "" for other hosts.
func onKeeper(p *config.Profile) string {
	if p.Pool.Reader {
		return "on a keeper of pool " + p.Pool.Name + ": "
	}
	return ""
}

// renewalOf returns what to do about a secret or certificate that expires.
func renewalOf(st helper.Status, end expiry.Date) string {
	switch {
	case st.Source != "keyring":
		return "put a new " + end.What + " where the profile takes it from: credhelper show " + st.Profile
	case end.What == "certificate":
		return "credhelper rotate " + st.Profile + " --key-file FILE"
	}
	return "credhelper rotate " + st.Profile + " --expires DATE"
}

// chosen returns the profiles to check.
func (x *examination) chosen(all []*config.Profile) []*config.Profile {
	if len(x.names) == 0 {
		return all
	}
	var some []*config.Profile
	for _, p := range all {
		if slices.Contains(x.names, p.Name) {
			some = append(some, p)
		}
	}
	return some
}

// sources reports whether the sources that profiles name on this machine exist.
// Programs are run, and servers asked, only if the profile was named, or with --online.
func (x *examination) sources(all []*config.Profile) {
	untried := 0
	var tried []*triedSource
	for _, p := range all {
		for _, source := range p.Sources {
			if p.Pool.Reader && !source.Elsewhere() {
				continue // this host needs none
			}
			if source.ReachesOut() && !x.online {
				untried++
			} else {
				tried = append(tried, &triedSource{p, source, nil})
			}
		}
	}
	x.try(tried)
	for _, t := range tried {
		if t.err != nil {
			x.fail("source", t.err)
		} else if shared := t.source.ReadableByOthers(); shared != "" {
			x.add("source", warn, t.profile.Name+": "+shared, "chmod go-r "+t.source.Words[1]+", unless nobody else is on this machine")
		} else if !t.source.Elsewhere() {
			x.add("source", good, t.profile.Name+": "+t.source.Key+" can be read", "")
		}
	}
	if untried > 0 {
		what := "a command or server that gives a secret was not asked"
		if untried > 1 {
			what = fmt.Sprintf("%d commands or servers that give a secret were not asked", untried)
		}
		x.add("source", note, what, "credhelper doctor --online, or doctor NAME")
	}
}

// triedSource is a source of a profile, and why it cannot be read.
type triedSource struct {
	profile *config.Profile
	source  config.Source
	err     error
}

// try reads the sources, several at once: each may take its 3 s until it fails.
func (x *examination) try(sources []*triedSource) {
	const mostAtOnce = 16
	var all sync.WaitGroup
	slots := make(chan struct{}, mostAtOnce)
	for _, t := range sources {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t.err = x.helper.TrySource(x.ctx, t.profile, t.source)
		})
	}
	all.Wait()
}

// reachTime is the time limit for contacting all hosts.
const reachTime = 8 * time.Second

// clockLimit is the deviation of a clock from which on servers refuse assertions and
// tokens expire at the wrong time.
const clockLimit = 60 * time.Second

// endpoints reports whether the hosts of token endpoints answer, through which proxy,
// and the time on their clocks.
func (x *examination) endpoints(all []*config.Profile) {
	for _, problem := range x.helper.BadProxies() {
		x.add("proxy", bad, problem, "")
	}
	if !x.online {
		x.add("network", note, "no server was asked", "credhelper doctor --online, or doctor NAME")
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, reachTime)
	defer cancel()
	for _, r := range x.helper.Reach(ctx, all) {
		what := r.Host
		if r.Proxy != "" {
			what += " through the proxy " + r.Proxy
		}
		switch off := r.Skew.Abs(); {
		case r.Untried:
			x.add("network", note, what+" was not asked: the others took all of the time", "credhelper doctor "+r.Profiles[0])
		case r.Err != nil:
			x.fail("network", fmt.Errorf("%w (%s)", r.Err, r.Host))
		case off > clockLimit:
			where := "behind"
			if r.Skew < 0 {
				where = "ahead of"
			}
			x.add("clock", bad, fmt.Sprintf("this machine's clock is %s %s that of %s", failure.Span(off), where, r.Host), "set the clock; "+timeServer()+" shows whether it is kept by a time server")
		default:
			x.add("network", good, what+" answers, for "+strings.Join(r.Profiles[:min(3, len(r.Profiles))], ", "), "")
		}
	}
}
