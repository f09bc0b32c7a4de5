// Credhelper-engine is the part of credhelper that fetches tokens, keeps secrets and
// interacts with people. It is not called directly: credhelper executes it for
// everything that it cannot answer from the sealed cache.
package main

import (
	"os"
	"time"

	"github.com/credhelper/credhelper/cmd/internal/handover"
	_ "github.com/credhelper/credhelper/cmd/internal/stack"
)

func main() {
	environ, limited := handover.CutOneProcessor(os.Environ())
	if limited { // no child inherits it
		_ = os.Unsetenv(handover.Processors)
	}
	os.Exit(run(os.Args, &session{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		environ: environ,
		limited: limited,
		now:     time.Now,
		exit:    os.Exit,
	}))
}
