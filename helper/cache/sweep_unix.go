//go:build unix

package cache

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sweep removes the unfinished files that killed processes left more than an
// hour ago (F1) and returns how many there were.
func (s *Store) Sweep(now time.Time) (removed int) {
	for _, name := range s.names(tempPrefix) {
		var st unix.Stat_t
		if unix.Fstatat(s.dir.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue
		}
		if now.Sub(time.Unix(0, st.Mtim.Nano())) > staleTemp && s.dir.remove(name) == nil {
			removed++
		}
	}
	return removed
}

// DropAll removes every entry and every route: credhelper lock and cache clear.
func (s *Store) DropAll() error {
	for _, name := range append(s.names("t-"), s.names("r-")...) {
		if err := s.dir.remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) names(prefix string) (names []string) {
	fd, err := retryOpen(s.dir.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	dir := os.NewFile(uintptr(fd), s.dir.path)
	defer dir.Close()
	all, _ := dir.Readdirnames(-1)
	for _, name := range all {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}
