package main

import "fmt"

// The names of the programs in the paired run.
const (
	nameEmpty  = "an empty Go program"
	nameLine   = "a Go program that writes one line"
	nameToken  = "credhelper token NAME"
	nameHeader = "credhelper header URL"
	nameGet    = "credhelper get (native JSON)"
	nameGit    = "git-credential-credhelper get"
	nameDocker = "docker-credential-credhelper get"
	nameMany   = "credhelper token NAME, 10,000 profiles"
	nameManyBy = "credhelper header URL, 10,000 profiles"
	nameAudit  = "credhelper token NAME, audit = \"all\""
	nameList   = "credhelper list (a verb, by the engine)"
	nameDaemon = "git credential-cache get, warm daemon"
	namePass   = "docker-credential-pass get"
	nameMiss   = "a miss, beside the server's own time"
	nameNobody = "git get for a host that no profile owns, "
)

// paired measures the cost of an answer from the cache for a tool that starts
// credhelper.
func (b *bench) paired() ([]figure, error) {
	launches, err := b.pairs(sizes[:])
	if err != nil {
		return nil, err
	}
	b.server.SetDelay(serverTime)
	defer b.server.SetDelay(0)
	result, err := pairedRun(launches, b.rounds, b.installAgain)
	if err != nil {
		return nil, err
	}
	empty, ratio := result[nameEmpty], "%.2f"
	figures := []figure{
		{name: nameEmpty, value: empty.milliseconds(), format: "%.2f ms", note: fmt.Sprintf("median of %d rounds; ratios below are medians of pairs", b.rounds)},
		{name: nameLine + " / empty", value: result[nameLine].over(empty), format: ratio, note: "the floor"},
	}
	for _, f := range []struct {
		name  string
		bound float64
	}{{nameToken, 1.40}, {nameHeader, 1.45}, {nameGet, 1.45}, {nameGit, 1.45}, {nameDocker, 1.45}, {nameDaemon, 0}, {namePass, 0}, {nameList, 3.80}, {nameMiss, 5.00},
		{nameNobody + sizes[0].text, 1.30}, {nameNobody + sizes[1].text, 1.30}, {nameNobody + sizes[2].text, 1.30}, {nameNobody + sizes[3].text, 1.30}} {
		if t, measured := result[f.name]; measured {
			figures = append(figures, figure{
				name: f.name + " / empty", value: t.over(empty), format: ratio, bound: f.bound,
				note: fmt.Sprintf("%.2f ms", t.milliseconds()),
			})
		}
	}
	return append(figures,
		figure{name: "token NAME / a program that writes one line", value: result[nameToken].over(result[nameLine]), format: ratio, bound: 1.08},
		figure{name: "token NAME / git credential-cache get", value: result[nameToken].over(result[nameDaemon]), format: ratio, bound: 1.00},
		figure{name: "token NAME, audit = \"all\" / without", value: result[nameAudit].over(result[nameToken]), format: ratio, bound: 1.30},
		figure{name: "token NAME, 10,000 profiles / 1 profile", value: result[nameMany].over(result[nameToken]), format: ratio, bound: 1.05},
		figure{name: "header URL, 10,000 profiles / 1 profile", value: result[nameManyBy].over(result[nameHeader]), format: ratio, bound: 1.05},
	), nil
}
