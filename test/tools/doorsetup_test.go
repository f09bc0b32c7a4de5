//go:build tools

package tools

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// printedFor returns what setup prints for a tool, with the address of this door.
func (d *door) printedFor(tool, profile string) string {
	d.t.Helper()
	return strings.ReplaceAll(d.printed(tool, profile), strings.TrimPrefix(usualDoor, "http://"), d.listen)
}

// TestDoorPrometheus: Prometheus scrapes through the door as setup has it, and asks for one
// token.
func TestDoorPrometheus(t *testing.T) {
	program := os.Getenv("TOOL_PROMETHEUS") + "/usr/bin/prometheus"
	scraped := make(chan struct{}, 100)
	d, site := doorTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			fmt.Fprintln(w, "demo_total 1")
			scraped <- struct{}{}
		}
	}))
	d.write("prometheus.yml", "global:\n  scrape_interval: 1s\n")
	d.ok(nil, "sh", "-euc", d.printedFor("prometheus", "work"))
	out, err := exec.Command(program, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: install it with scripts/test-tools install", err)
	}
	t.Log(string(out))
	cmd := exec.Command(program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0")
	var said strings.Builder
	cmd.Dir, cmd.Env, cmd.Stderr = d.home, d.env, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		select {
		case <-scraped:
		case <-time.After(time.Minute):
			t.Errorf("no scrape after %d", n)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if t.Failed() {
		t.Log(said.String())
	}
	site.served(t)
	d.requests(1)
}
