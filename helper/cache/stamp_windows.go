package cache

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// fresh is the age below which a ctime is not trusted: the clock of Windows may advance in
// ticks of 15.6 ms, so a second change in the same tick would go unnoticed.
const fresh = 20 * time.Millisecond

// stampOf asks for the file's own times, which an entry of a directory may lack for a
// while. NTFS calls the ctime its change time.
func stampOf(path string) Stamp {
	none := Stamp{Path: path}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return none
	}
	const everybody = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	f, err := windows.CreateFile(name, windows.FILE_READ_ATTRIBUTES, everybody, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return none
	}
	defer windows.CloseHandle(f)
	var info windows.ByHandleFileInformation
	var times struct {
		created, accessed, written, changed windows.Filetime
		attributes, _                       uint32
	}
	if windows.GetFileInformationByHandle(f, &info) != nil ||
		windows.GetFileInformationByHandleEx(f, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&times)), uint32(unsafe.Sizeof(times))) != nil {
		return none
	}
	if times.changed == (windows.Filetime{}) { // FAT has none
		times.changed = times.written
	}
	return Stamp{
		Path:   path,
		Device: uint64(info.VolumeSerialNumber),
		Inode:  max(uint64(info.FileIndexHigh)<<32|uint64(info.FileIndexLow), 1), // some file systems have none
		Ctime:  times.changed.Nanoseconds(),
		Size:   int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow),
	}
}
