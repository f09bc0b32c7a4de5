package main

import (
	"unsafe"

	win "golang.org/x/sys/windows" // "windows" is a constant of this package
)

// parentOf is 0 if it cannot be found.
func parentOf(pid int) int {
	snapshot, err := win.CreateToolhelp32Snapshot(win.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return 0
	}
	defer win.CloseHandle(snapshot)
	var entry win.ProcessEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = win.Process32First(snapshot, &entry); err == nil; err = win.Process32Next(snapshot, &entry) {
		if int(entry.ProcessID) == pid {
			return int(entry.ParentProcessID)
		}
	}
	return 0
}
