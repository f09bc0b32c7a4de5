package cache

import "time"

// Stamp remembers a file or directory as it was when an entry or route was made
// from it. ctime counts, never mtime: cp -p, tar and rsync set mtime back.
type Stamp struct {
	Path   string
	Device uint64
	Inode  uint64 // 0: there was nothing at Path
	Ctime  int64  // Unix nanoseconds
	Size   int64  // bytes
}

// fresh is the age below which a ctime is not trusted: kernels advance ctime in
// ticks of up to 10 ms, so a second change in the same tick would go unseen.
const fresh = 10 * time.Millisecond

// TakeStamp stamps what is at path now. ok is false if the stamp could not show
// a further change, because the last one was less than 10 ms before now.
func TakeStamp(path string, now time.Time) (stamp Stamp, ok bool) {
	stamp = stampOf(path)
	age := now.UnixNano() - stamp.Ctime
	return stamp, stamp.Inode == 0 || age > int64(fresh)
}

// True reports whether the file is still the one that was stamped.
func (s Stamp) True() bool { return stampOf(s.Path) == s }

// allTrue reports whether nothing changed since the stamps were taken. No stamps
// at all is false: an entry without them was made before they could be trusted.
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
	for _, s := range stamps {
		b = appendText(b, s.Path)
		b = appendUint64(b, s.Device)
		b = appendUint64(b, s.Inode)
		b = appendUint64(b, uint64(s.Ctime))
		b = appendUint64(b, uint64(s.Size))
	}
	return b
}

func (s *scanner) stamps() []Stamp {
	n := int(s.uint16())
	if n*34 > len(s.rest) { // 34: the least a stamp takes
		s.bad = true
		return nil
	}
	stamps := make([]Stamp, n)
	for i := range stamps {
		stamps[i] = Stamp{
			Path:   s.text(),
			Device: s.uint64(),
			Inode:  s.uint64(),
			Ctime:  int64(s.uint64()),
			Size:   int64(s.uint64()),
		}
	}
	return stamps
}
