// Credhelper-engine is the part of credhelper that fetches tokens, keeps secrets
// and talks to people. Nobody types its name: credhelper hands over to it what it
// cannot answer from the sealed cache.
package main

import (
	"os"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/process"
)

func main() {
	process.GrowStack(2)
	os.Exit(run(os.Args, &session{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		environ: os.Environ(),
		now:     time.Now,
		exit:    os.Exit,
	}))
}
