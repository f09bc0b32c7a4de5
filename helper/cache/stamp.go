package cache

import "time"

// Stamp identifies the state of a file or directory when an entry or route was made
// from it. It has ctime, not mtime: cp -p, tar and rsync restore mtime.
type Stamp struct {
	Path   string
	Device uint64
	Inode  uint64 // 0: the file did not exist
	Ctime  int64  // Unix nanoseconds
	Size   int64  // bytes
}

// TakeStamp stamps the file at path. ok is false if a further change might not show,
// because the last one was less than fresh before now.
func TakeStamp(path string, now time.Time) (stamp Stamp, ok bool) {
	stamp = stampOf(path)
	age := now.UnixNano() - stamp.Ctime
	return stamp, stamp.Inode == 0 || age > int64(fresh)
}

// True reports whether the file is still the one that was stamped.
func (s Stamp) True() bool { return stampOf(s.Path) == s }

// allTrue reports whether nothing has changed since the stamps were taken. It is false
// without stamps: such an entry was made before they could be trusted.
func allTrue(stamps []Stamp) bool {
	for i := range stamps {
		if !stamps[i].True() {
			return false
		}
	}
	return len(stamps) > 0
}

func appendStamps(b []byte, stamps []Stamp) []byte {
	b = appendUint16(b, uint16(len(stamps)))
	for i := range stamps {
		b = stamps[i].append(b)
	}
	return b
}

func (s *Stamp) append(b []byte) []byte {
	b = appendText(b, s.Path)
	b = appendUint64(b, s.Device)
	b = appendUint64(b, s.Inode)
	b = appendUint64(b, uint64(s.Ctime))
	return appendUint64(b, uint64(s.Size))
}

// leastStamp is the number of bytes of a stamp with an empty path.
const leastStamp = 2 + 4*8

func (s *scanner) stamps() []Stamp {
	n := int(s.uint16())
	if n*leastStamp > len(s.rest) {
		s.bad = true
		return nil
	}
	stamps := make([]Stamp, n)
	for i := range stamps {
		stamps[i] = s.stamp()
	}
	return stamps
}

func (s *scanner) stamp() Stamp {
	return Stamp{
		Path:   s.text(),
		Device: s.uint64(),
		Inode:  s.uint64(),
		Ctime:  int64(s.uint64()),
		Size:   int64(s.uint64()),
	}
}
