package crowd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Sample is the resources of a member and of its credhelper at a moment.
type Sample struct {
	Time        time.Time
	Calls       int        // so far
	Heap        int        // bytes of the member, after a garbage collection
	Goroutines  int        // of the member
	Descriptors int        // of the member
	Child       *Resources `json:",omitempty"`
}

// Resources are the kernel's figures for another process.
type Resources struct {
	Resident    int // bytes
	Threads     int
	Descriptors int // 0: only root can see credhelper's (T9)
}

// Look measures this process, and the child unless that is 0.
func Look(child int) Sample {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	s := Sample{
		Time: time.Now(), Heap: int(mem.HeapAlloc), Goroutines: runtime.NumGoroutine(), Descriptors: descriptors("self"),
	}
	if child != 0 {
		s.Child = resources(child)
	}
	return s
}

func descriptors(process string) int {
	list, _ := os.ReadDir("/proc/" + process + "/fd")
	return len(list)
}

var (
	residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
	threadsLine  = regexp.MustCompile(`Threads:\s+(\d+)`)
)

func resources(pid int) *Resources {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	number := func(line *regexp.Regexp) int {
		found := line.FindSubmatch(text)
		if found == nil {
			return 0
		}
		n, _ := strconv.Atoi(string(found[1])) // digits
		return n
	}
	return &Resources{Resident: number(residentLine) << 10, Threads: number(threadsLine), Descriptors: descriptors(strconv.Itoa(pid))}
}

// childrenOf returns the living children of pid.
func childrenOf(pid int) (list []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, rest, _ := bytes.Cut(text, []byte(") "))
		if f := strings.Fields(string(rest)); len(f) > 1 && f[1] == strconv.Itoa(pid) && f[0] != "Z" {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			list = append(list, child)
		}
	}
	return list
}
