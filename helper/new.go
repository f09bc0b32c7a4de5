package helper

import (
	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/home"
	"github.com/credhelper/credhelper/helper/logfile"
	"github.com/credhelper/credhelper/helper/pools"
	"github.com/credhelper/credhelper/helper/server"
	"github.com/credhelper/credhelper/helper/stored"
)

// New returns a Helper. It accesses no file.
func New(c Config) *Helper {
	if c.Clock == nil {
		c.Clock = cache.ClockAt
	}
	files := &home.Home{Dirs: c.Dirs, Now: c.Now, Processors: c.Processors}
	h := &Helper{Home: files, config: c, logFile: logfile.Writer{Path: c.Dirs.Log()}}
	h.Servers = server.New(files, server.Config{Now: c.Now, Sleep: c.Sleep, Env: h.env, Environ: c.Environ, HTTP: c.HTTP,
		CommandSaid: c.CommandSaid, Report: h.report, Explain: h.explain, Cache: h.cacheStore})
	h.keys = &stored.Keyrings{Dirs: c.Dirs, Settings: files.Settings, Opener: c.Keyring, RunsLong: c.RunsLong, Explain: h.explain}
	h.Pools = pools.New(pools.Config{Now: c.Now, Host: c.Host, Open: c.Pool, Settings: files.Settings, Servers: h.Servers,
		Cache: h.cacheStore, Jitter: h.jitter, Report: h.report, Lost: h.logLoss})
	return h
}
