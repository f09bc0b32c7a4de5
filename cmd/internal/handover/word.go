// Package handover is how one executable of this release runs another in its own
// place: where it is looked for, what is checked before it runs, and the one word
// that they pass. The front hands over to the engine and to the plugin, the engine
// to the plugin.
//
// The front links this package, so it imports little (docs/performance.md).
package handover

import (
	"strconv"
	"strings"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
)

// Version is that of the handover. Whoever is handed over to refuses another one,
// so that a half upgraded installation says so instead of misreading.
const Version = "1"

const wordPrefix = "handover-"

// Handover is what one executable tells the next in one word of its arguments,
// before the name and the arguments that the front was called with:
//
//	handover-VERSION:CORE[:START]
//
// CORE is the soft core limit that Harden took away, START the nanoseconds of
// Unix time at which the front began: the deadlines count from there. The start
// time that the system keeps of a process will not do: a shell script of an hour
// that ends with "exec credhelper ..." has one that is an hour old.
type Handover struct {
	Version string
	Limits  process.Limits
	Start   time.Time // zero if the front did not say
}

// word is h as this version passes it.
func (h Handover) word() string {
	return wordPrefix + Version + ":" + strconv.FormatUint(h.Limits.Core, 10) + ":" + strconv.FormatInt(h.Start.UnixNano(), 10)
}

// longestHandover is the most that can have passed between the start of the
// front and that of the engine: the time that a tool may take to send its
// request, and some for a busy machine. More, or less than nothing, is a clock
// that was set in between.
const longestHandover = process.StdinTime + time.Second

// ReadWord reads a handover word at now. ok is false if it is none at all; a
// word of another version has only its Version set.
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
