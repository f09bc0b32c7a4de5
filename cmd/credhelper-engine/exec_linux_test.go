package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestExecOnATerminal: on Ctrl-C the command of exec decides what comes of it, with a door
// or without.
func TestExecOnATerminal(t *testing.T) {
	server, home := jamaServer(t), newHome(t)
	addTyped(t, home, server)
	const script = `trap 'echo got INT' INT; echo ready; read x || read x; echo end; exit 4`
	for _, args := range [][]string{{"exec", "jama"}, {"exec", "jama", "--door"}} {
		onTerminal := func(cmd *exec.Cmd, terminal *os.File) { cmd.Stdin, cmd.Stdout = terminal, terminal }
		p := seat(t, home, nil, onTerminal, append(args, "--", "sh", "-c", script)...)
		p.see("ready")
		p.types("\x03")
		p.see("got INT")
		p.types("\n")
		p.see("end\r\n")
		p.endsWith(4)
	}
}
