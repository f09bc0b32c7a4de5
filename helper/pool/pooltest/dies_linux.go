package pooltest

import "syscall"

// dies lets a server die with the test, also with one that is killed.
func dies() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
