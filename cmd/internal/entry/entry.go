//go:build linux && (amd64 || arm64)

package entry

import "runtime"

// What the process was started with, kept by the code in assembly. Both are zero if the
// linker was not told to start there.
var (
	slack uintptr    // timer slack of the first thread, in nanoseconds
	files [2]uintptr // soft and hard limit of open files
)

// Restored before package syscall remembers the limit of open files for the next program:
// packages that are ready are initialized in the order of their paths.
var _ = restoreFiles()

func restoreFiles() (lowered bool) {
	if files[1] > 0 {
		setFiles(&files)
		return true
	}
	return false
}

// Leave gives the calling thread the timer slack that the process was started with, and
// keeps the calling goroutine on that thread. It is for a goroutine that is about to
// execute another program, which would inherit the thread's.
func Leave() {
	if int(slack) > 0 {
		runtime.LockOSThread()
		setSlack(slack)
	}
}

// setFiles sets the limit of open files.
//
//go:noescape
func setFiles(limit *[2]uintptr)

// setSlack sets the timer slack of the calling thread, in nanoseconds.
func setSlack(slack uintptr)
