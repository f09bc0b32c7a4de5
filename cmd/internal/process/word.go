package process

import (
	"strconv"
	"strings"
	"time"
)

// Version is that of the handover. The front passes it and the engine refuses
// another one, so that a half upgraded installation says so instead of
// misreading.
const Version = "1"

const wordPrefix = "handover-"

// Handover is what the front tells the engine in one word of its arguments,
// before the name and the arguments that it was called with:
//
//	handover-VERSION:CORE[:START]
//
// CORE is the soft core limit that Harden took away, START the nanoseconds of
// Unix time at which the front began: the deadlines count from there. The start
// time that the system keeps of a process will not do: a shell script of an hour
// that ends with "exec credhelper ..." has one that is an hour old.
type Handover struct {
	Version string
	Limits  Limits
	Start   time.Time // zero if the front did not say
}

// Word is the handover of this version as the front passes it.
func Word(l Limits, start time.Time) string {
	return wordPrefix + Version + ":" + strconv.FormatUint(l.Core, 10) + ":" + strconv.FormatInt(start.UnixNano(), 10)
}

// longestHandover is the most that can have passed between the start of the
// front and that of the engine: the time that a tool may take to send its
// request, and some for a busy machine. More, or less than nothing, is a clock
// that was set in between.
const longestHandover = stdinTime + time.Second

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

// EngineFlag tells whether an argument of one of credhelper's own words is a flag
// that only the engine knows: help, and what belongs to --no-store.
func EngineFlag(arg string) bool {
	switch name, _, _ := strings.Cut(arg, "="); name {
	case "-h", "--help", "--no-store", "--secret-stdin", "--secret-file":
		return true
	}
	return false
}
