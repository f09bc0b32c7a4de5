//go:build linux

// Command contained is the first process of a container of the tests. It does what a
// container runtime does before it starts a program, runs commands one after the other, and
// prints what each did.
//
//	contained OPTIONS COMMAND... [next COMMAND...]...
//
// Options are "keys=refused", which refuses the system calls of the kernel's keyrings as
// Docker's and containerd's profiles do, and "own=PATH:UID:GID", which gives a volume to
// somebody as the kubelet does. A command is "UID:GID[:GROUP]", or "-" for the user that is,
// and a program with its arguments; a "&" in front leaves it running. "wait-for FILE" and "cat FILE" are programs of
// contained itself.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// did is what a command did, a line of JSON on stdout.
type did struct {
	Stdout, Stderr string
	Code           int
}

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "as" {
		fail(become(args[1], args[2], args[3:]))
	}
	refused := "no"
	for len(args) > 0 && strings.Contains(args[0], "=") {
		option, value, _ := strings.Cut(args[0], "=")
		switch option {
		case "keys":
			refused = value
		case "own":
			part := strings.Split(value, ":")
			uid, gid := number(part[1]), number(part[2])
			info, err := os.Stat(part[0])
			fail(err)
			fail(os.Chown(part[0], uid, gid))
			fail(os.Chmod(part[0], info.Mode())) // the change of owner has cleared setgid
		default:
			fail(fmt.Errorf("no option %s", option))
		}
		args = args[1:]
	}
	for _, command := range split(args) {
		fail(json.NewEncoder(os.Stdout).Encode(run(refused, command)))
	}
}

// split returns the commands, which "next" separates.
func split(args []string) (commands [][]string) {
	for {
		i := slices.Index(args, "next")
		if i < 0 {
			return append(commands, args)
		}
		commands, args = append(commands, args[:i]), args[i+1:]
	}
}

func run(refused string, command []string) did {
	background := command[0] == "&"
	if background {
		command = command[1:]
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("/proc/self/exe", append([]string{"as", command[0], refused}, command[1:]...)...)
	if _, err := os.Stat("/proc/self/exe"); err != nil { // a container without /proc
		cmd.Path = "/contained"
	}
	if background {
		fail(cmd.Start())
		return did{}
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return did{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// become turns this process into the user's program.
func become(who, refused string, command []string) error {
	runtime.LockOSThread()
	if who != "-" {
		part := strings.Split(who, ":")
		var groups []int
		if len(part) > 2 {
			groups = []int{number(part[2])}
		}
		uid, gid := number(part[0]), number(part[1])
		fail(syscall.Setgroups(groups))
		fail(syscall.Setresgid(gid, gid, gid))
		fail(syscall.Setresuid(uid, uid, uid))
	}
	fail(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	if refused == "refused" {
		fail(refuseKeys())
	}
	switch command[0] {
	case "cat":
		content, err := os.ReadFile(command[1])
		fail(err)
		_, err = os.Stdout.Write(content)
		fail(err)
		os.Exit(0)
	case "wait-for":
		for range 600 {
			if _, err := os.Stat(command[1]); err == nil {
				os.Exit(0)
			}
			time.Sleep(100 * time.Millisecond)
		}
		fail(fmt.Errorf("no %s after a minute", command[1]))
	}
	return syscall.Exec(command[0], command, os.Environ())
}

// refuseKeys installs a filter that answers EPERM to the system calls of the kernel's
// keyrings, and allows all others.
func refuseKeys() error {
	calls := []uint32{unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for i, call := range calls {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(calls) - i), K: call})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	fail(err)
	return n
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "contained:", err)
		os.Exit(99)
	}
}
