package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/credhelper/credhelper/internal/program"
)

// TestDoctorIsLinear (G7): with twice the profiles doctor reads twice as much, not four
// times as much.
func TestDoctorIsLinear(t *testing.T) {
	h := program.TestHome(t, bin)
	profiles := 0
	reads := func(n int) int {
		t.Helper()
		for ; profiles < n; profiles++ {
			add(t, h, fmt.Sprintf("p%d", profiles), "https://login.example.com", "")
		}
		// When a parent waits for a child, the kernel adds the child's reads to its own.
		shell := exec.Command("sh", "-c", `"$0" doctor >/dev/null; cat /proc/$$/io`, filepath.Join(bin, "credhelper"))
		shell.Env = h.Env
		out, err := shell.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		m := regexp.MustCompile(`syscr: ([0-9]+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("no count of reads in %q", out)
		}
		count, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	hundred, two := reads(100), reads(200)
	if hundred < 100 {
		t.Fatalf("%d reads of 100 profiles: the test is blind", hundred)
	}
	if two > 3*hundred {
		t.Errorf("%d reads of 100 profiles, %d of 200", hundred, two)
	}
}
