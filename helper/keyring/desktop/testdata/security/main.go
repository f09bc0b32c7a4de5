// Command security is a stand-in for macOS' security(1), for the tests of the Keychain. It
// keeps its items in files of $HOME, and is as strict as the documented one: no secret in an
// argument, no command of more than 4,096 bytes, exit codes that are the last bytes of
// Apple's. The file "state" makes it "locked" (36), "denied" (51), "hangs", or "prompts", which
// is to wait for an answer on stdin.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() { os.Exit(security(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func security(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	home := os.Getenv("HOME")
	log, err := os.OpenFile(filepath.Join(home, "arguments"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintf(log, "%q\n", args)
		log.Close()
	}
	state, _ := os.ReadFile(filepath.Join(home, "state"))
	switch string(state) {
	case "locked":
		fmt.Fprintln(stderr, "security: SecKeychainSearchCopyNext: User interaction is not allowed.")
		return 36
	case "denied":
		return 51
	case "hangs":
		time.Sleep(time.Minute)
	case "prompts":
		fmt.Fprint(stdout, "password to unlock default: ")
		if _, err := bufio.NewReader(stdin).ReadString('\n'); err != nil {
			return 128
		}
		return 99 // something has answered
	}
	if len(args) == 1 && args[0] == "-i" {
		return interactive(home, stdin, stderr)
	}
	return command(home, args, stdout, false)
}

func interactive(home string, stdin io.Reader, stderr io.Writer) (code int) {
	lines := bufio.NewReader(stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil && line == "" {
			return code
		}
		if len(line) > 4096 {
			fmt.Fprintln(stderr, "security: the line is too long")
			return 2
		}
		if strings.ContainsAny(line, "\"'\\") {
			return 2 // quoting is not tried here
		}
		if code = command(home, strings.Fields(line), io.Discard, true); code != 0 {
			fmt.Fprintf(stderr, "returned %d\n", code)
		}
	}
}

func command(home string, args []string, stdout io.Writer, byStdin bool) int {
	option := map[string]string{}
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-U":
			option["-U"] = "yes"
		case "-w":
			if args[0] == "find-generic-password" {
				option["-w"] = "yes"
				continue
			}
			fallthrough
		case "-s", "-a":
			if i++; i == len(args) {
				return 2
			}
			option[args[i-1]] = args[i]
		default:
			return 2
		}
	}
	item := filepath.Join(home, "item."+option["-s"]+"."+option["-a"])
	switch args[0] {
	case "add-generic-password":
		if !byStdin {
			return 98 // the secret is an argument, which every user can see
		}
		if _, err := os.Stat(item); err == nil && option["-U"] == "" {
			return 45 // errSecDuplicateItem
		}
		temp := item + ".new" + fmt.Sprint(os.Getpid())
		if os.WriteFile(temp, []byte(option["-w"]), 0o600) != nil || os.Rename(temp, item) != nil {
			return 1
		}
		return 0
	case "find-generic-password":
		value, err := os.ReadFile(item)
		if err != nil {
			return 44
		}
		for _, b := range value {
			if b < ' ' || b > '~' {
				fmt.Fprintf(stdout, "%x\n", value)
				return 0
			}
		}
		fmt.Fprintf(stdout, "%s\n", value)
		return 0
	case "delete-generic-password":
		if os.Remove(item) != nil {
			return 44
		}
		return 0
	}
	return 2
}
