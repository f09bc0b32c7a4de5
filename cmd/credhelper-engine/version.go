package main

import (
	"runtime/debug"
	"strings"
)

// archived is the version of a source archive: git replaces the placeholder when it
// makes one (.gitattributes). In a checkout, and in a module from the Go module proxy,
// it is unchanged.
const archived = "$Format:%(describe:tags=true)$"

// release is the version of this executable.
func release() string { return releaseOf(builtFrom().Main.Version, archived) }

// releaseOf is the version that the Go tool wrote into the executable, from the tag
// or the module that it was built of; else that of the source archive.
func releaseOf(built, archived string) string {
	switch {
	case built != "" && built != "(devel)":
		return built
	case archived != "" && !strings.HasPrefix(archived, "$"):
		return archived
	}
	return "(devel)"
}

// builtFrom returns the Go tool's information about this executable; empty if there is
// none.
func builtFrom() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

// builtOn is the day of the commit that the executable was built of, "" if that is
// not known.
func builtOn() string {
	for _, s := range builtFrom().Settings {
		if day, _, ok := strings.Cut(s.Value, "T"); ok && s.Key == "vcs.time" {
			return day
		}
	}
	return ""
}
