// Package handover executes one executable of this release in place of another: it
// finds the file, checks it, and passes one word of state. The front executes the
// engine and the plugin, and the engine the plugin.
//
// The front links this package, so it has few imports (docs/performance.md).
package handover

import (
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
)

// Version is the version of the handover. An executable refuses any other version, so
// that a partly upgraded installation reports an error instead of misreading its
// arguments.
const Version = "1"

const wordPrefix = "handover-"

// Handover is the state that one executable passes to the next, in one word of its
// arguments, before the name and the arguments of the original call:
//
//	handover-VERSION:CORE[:START]
//
// CORE is the soft core limit that Harden changed, START the Unix time in nanoseconds
// at which the front started: deadlines count from there. The system's start time of
// the process cannot be used: a shell script that runs for an hour and ends with "exec
// credhelper ..." started an hour ago.
type Handover struct {
	Version string
	Limits  process.Limits
	Start   time.Time // zero if the front did not pass it
}

// word encodes h in this version's format.
func (h Handover) word() string {
	return wordPrefix + Version + ":" + strconv.FormatUint(h.Limits.Core, 10) + ":" + strconv.FormatInt(h.Start.UnixNano(), 10)
}

// longestHandover is the longest credible time between the start of the front and that
// of the engine: the time limit of a tool's request, and a margin for a busy machine.
// If the difference is larger, or negative, the clock was set in between.
const longestHandover = process.StdinTime + time.Second

// ReadWord decodes a handover word at the time now. ok is false if it is not a handover
// word; for a word of another version only Version is set.
func ReadWord(word string, now time.Time) (h Handover, ok bool) {
	rest, ok := strings.CutPrefix(word, wordPrefix)
	if !ok {
		return h, false
	}
	var fields string
	h.Version, fields, ok = strings.Cut(rest, ":")
	if !ok || h.Version != Version {
		return h, h.Version != ""
	}
	core, start, hasStart := strings.Cut(fields, ":")
	var err error
	if h.Limits.Core, err = strconv.ParseUint(core, 10, 64); err != nil {
		return h, false
	}
	h.Start = now
	if !hasStart {
		return h, true
	}
	nanoseconds, err := strconv.ParseInt(start, 10, 64)
	if err != nil {
		return h, false
	}
	if age := now.Sub(time.Unix(0, nanoseconds)); age >= 0 && age <= longestHandover {
		h.Start = now.Add(-age) // keeps now's monotonic clock
	}
	return h, true
}
