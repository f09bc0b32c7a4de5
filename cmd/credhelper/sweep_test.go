//go:build linux

package main_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhelper/credhelper/internal/program"
)

// swept are the system calls at which the sweep kills: all that read, create, fill, name or
// remove files, lock them, or reach the kernel's keyring or the server.
const swept = "openat,read,write,pwrite64,close,fchmod,fstat,newfstatat,lseek,fsync,fdatasync,renameat,renameat2,unlinkat,mkdirat,flock,fcntl," +
	"add_key,keyctl,socket,connect,execve,memfd_create,dup3,getrandom,exit_group"

// victim is a command that changes something, with a check afterwards whether the old or the
// new state holds.
type victim struct {
	name   string
	args   []string
	before func(*testing.T, *sweep) // makes the old state; may be nil
	stdin  func(*sweep) string      // may be nil
	after  func(*testing.T, *sweep, string)
}

var victims = []victim{
	{"refresh", []string{"token", "jama", "--refresh"}, nil, nil, tokenHolds},
	{"first", []string{"token", "jama"}, forgetAll, nil, tokenHolds},
	{"reject", []string{"reject", "jama"}, aged, func(s *sweep) string { return s.token + "\n" }, tokenHolds},
	{"rotate", []string{"rotate", "jama", "--secret-stdin"}, nil, func(s *sweep) string { return s.other() + "\n" }, secretHolds},
	{"remove", []string{"remove", "spare", "--yes"}, addSpare, nil, spareHolds},
}

// sweep is one home whose commands are killed again and again.
type sweep struct {
	server *server
	home   *program.Home
	token  string // the last one seen
	secret string // the one in the keyring
}

func (s *sweep) other() string {
	if s.secret == secretA {
		return secretB
	}
	return secretA
}

// forgetAll leaves of the home only its profile and secret: no token, no lock, no sealing
// key.
func forgetAll(t *testing.T, s *sweep) {
	t.Helper()
	s.home.Close()
	if err := errors.Join(os.RemoveAll(s.home.Dirs.Run()), os.RemoveAll(s.home.Dirs.Locks())); err != nil {
		t.Fatal(err)
	}
}

// addSpare adds a second profile, and a token of it.
func addSpare(t *testing.T, s *sweep) {
	t.Helper()
	addProfile(t, s.home, s.server, "spare", "https://spare.example.com")
	if _, err := s.home.Run("", "token", "spare"); err != nil {
		t.Error(err)
	}
}

// spareHolds: the second profile works, or lacks its secret, or is gone; the first one is
// untouched.
func spareHolds(t *testing.T, s *sweep, point string) {
	t.Helper()
	r := finish(t, s.home.Command("token", "spare"))
	switch r.code {
	case 0:
		if !s.server.knows(r.token()) {
			t.Errorf("after a kill at %s: a token of %d bytes", point, len(r.token()))
		}
	case 3, 4:
		sane(t, point, r)
	default:
		t.Errorf("after a kill at %s: exit %d, %s", point, r.code, r.stderr)
	}
	tokenHolds(t, s, point)
}

// tokenHolds: the next call answers with a token of the server's, old or new.
func tokenHolds(t *testing.T, s *sweep, point string) {
	t.Helper()
	r := finish(t, s.home.Command("token", "jama"))
	if r.code != 0 || !s.server.knows(r.token()) {
		t.Errorf("after a kill at %s: exit %d, a token of %d bytes, %s", point, r.code, len(r.token()), r.stderr)
	}
	s.token = r.token()
}

// secretHolds: the next request is made with the old secret or with the new one.
func secretHolds(t *testing.T, s *sweep, point string) {
	t.Helper()
	r := finish(t, s.home.Command("token", "jama", "--refresh"))
	if r.code != 0 || !s.server.knows(r.token()) {
		t.Errorf("after a kill at %s: the secret is lost: exit %d, %s", point, r.code, r.stderr)
		return
	}
	s.secret, s.token = s.server.lastSecret(), r.token()
}

var callName = regexp.MustCompile(`(?m)^(\d+) +(?:<\.\.\. )?(\w+)[( ]`)

// points lists the points of one undisturbed run: for each system call, the largest number
// that any thread makes, because strace counts per thread.
func points(t *testing.T, s *sweep, v victim) (list []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	if v.before != nil {
		v.before(t, s)
	}
	cmd := traced(t, s.home, log, []string{"-e", "trace=" + swept, "-e", "signal=none"}, v.args...)
	if v.stdin != nil {
		cmd.Stdin = strings.NewReader(v.stdin(s))
	}
	if r := finish(t, cmd); r.code != 0 {
		t.Fatalf("%s fails undisturbed: %+v", v.name, r)
	}
	v.after(t, s, "no point")
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	perThread, most := map[[2]string]int{}, map[string]int{}
	for _, m := range callName.FindAllStringSubmatch(string(content), -1) {
		key := [2]string{m[1], m[2]}
		perThread[key]++
		most[m[2]] = max(most[m[2]], perThread[key])
	}
	for _, call := range strings.Split(swept, ",") {
		for n := 1; n <= most[call]; n++ {
			list = append(list, fmt.Sprintf("%s:signal=KILL:when=%d", call, n))
		}
	}
	return list
}

// aged makes the token old enough to be dropped when it is reported.
func aged(t *testing.T, s *sweep) {
	if err := s.home.Age("jama", 2*time.Minute); err != nil {
		t.Fatal(err)
	}
}

// TestKillSweep (F1): SIGKILL at every point of a command that changes something leaves the
// old or the new state, never a torn file, and the next call works.
func TestKillSweep(t *testing.T) {
	if elsewhere(t) {
		return
	}
	const workers, least = 2, 300
	limit := math.MaxInt
	if testing.Short() {
		limit = 12
	}
	var total, killed int
	var mu sync.Mutex
	for _, v := range victims {
		t.Run(v.name, func(t *testing.T) {
			sweeps := make([]*sweep, workers)
			for i := range sweeps {
				s := newServer(t)
				sweeps[i] = &sweep{server: s, home: warmHome(t, s), secret: secretA}
				tokenHolds(t, sweeps[i], "no point")
			}
			list := points(t, sweeps[0], v)
			if step := len(list) / limit; step > 1 {
				var some []string
				for i := 0; i < len(list); i += step {
					some = append(some, list[i])
				}
				list = some
			}
			var group sync.WaitGroup
			for w, s := range sweeps {
				group.Go(func() {
					for i := w; i < len(list); i += workers {
						hit := s.kill(t, v, list[i])
						mu.Lock()
						total++
						if hit {
							killed++
						}
						mu.Unlock()
					}
				})
			}
			group.Wait()
		})
	}
	t.Logf("%d points, killed at %d", total, killed)
	if killed < total/2 || !testing.Short() && killed < least {
		t.Errorf("only %d of %d points killed, want %d: the sweep is blind", killed, total, least)
	}
}

// kill runs the command once and kills it at the point. It reports whether the point was
// reached: threads differ a little from run to run.
func (s *sweep) kill(t *testing.T, v victim, point string) bool {
	call, _, _ := strings.Cut(point, ":")
	if v.before != nil {
		v.before(t, s)
	}
	cmd := traced(t, s.home, filepath.Join(t.TempDir(), "log"), []string{"-e", "trace=" + call, "-e", "signal=none", "-e", "inject=" + point}, v.args...)
	if v.stdin != nil {
		cmd.Stdin = strings.NewReader(v.stdin(s))
	}
	r := finish(t, cmd)
	v.after(t, s, v.name+" "+point)
	return r.code == -1
}
