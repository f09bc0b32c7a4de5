//go:build !linux

package pooltest

import "syscall"

func dies() *syscall.SysProcAttr { return nil }
