// Package entry is where the front starts on Linux, before Go's runtime does: an answer
// from the cache takes a millisecond, of which Go's runtime would spend a third on being
// prepared for programs that run longer. Three things can only be changed before it
// starts:
//
//   - Go's thread "sysmon" sleeps 20 µs at a time, fifteen times in a millisecond. A thread
//     inherits its timer slack, and with 20 ms sysmon sleeps once.
//   - GOMAXPROCS=+1 is added to the environment, behind what the user has set. Otherwise
//     Go's runtime wakes up threads that find nothing to do. handover explains the sign.
//   - Go's runtime reads /proc/self/mountinfo to find the processors that a container may
//     use. While the limit of open files is 3, it finds nothing.
//
// The limit is restored before the first package that opens a file is initialized, and the
// other two before another program is executed.
//
// Importing this package is not enough: a release is linked with -E=credhelper_entry, the
// linker's option for the first instruction (internal/program). Without it, and on other
// systems, everything works and takes longer. The code assumes what Linux promises to every
// program, how arguments, environment and auxiliary vector lie on the stack, and the name
// of the symbol at which Go's linker would start otherwise; if that changed, a release
// could not be linked.
package entry
