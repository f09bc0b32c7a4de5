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

// Sample is what a member and the credhelper that it asks hold at a moment.
type Sample struct {
	Time        time.Time
	Calls       int        // so far
	Heap        int        // octets of the member, after a collection
	Goroutines  int        // of the member
	Descriptors int        // of the member
	Child       *Resources `json:",omitempty"`
}

// Resources are what the kernel says of another process.
type Resources struct {
	Resident    int // octets
	Threads     int
	Descriptors int // 0: credhelper lets only root look into it (T9)
}

// Look looks at this process, and at the child unless that is 0.
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

// childrenOf are the living processes that pid started.
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
