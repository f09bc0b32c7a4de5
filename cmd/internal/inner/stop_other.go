//go:build !linux

package inner

import "os"

// On these systems the signals have their usual effect: the terminal stops credhelper and
// its command, and kill stops credhelper alone.
var stopSignals [0]os.Signal

func stopWith(*os.Process, os.Signal) {}
