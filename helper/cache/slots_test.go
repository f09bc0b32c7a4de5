package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elsewhere seals an entry in a slot with a key that this place does not have, and a
// subject's beside it.
func elsewhere(t *testing.T, s *Store, slot int, e *Entry) {
	t.Helper()
	key := sealingKey{place: placeShared}
	_, _ = rand.Read(key.key[:])
	name := slotName(e.item(), slot)
	h := header{kind: kindSubject, home: [16]byte{1}, expires: e.Expires}
	subject := Subject{ProofOfVariable("JOB", "1")}
	if err := errors.Join(s.putSealed(&key, h, name, e.encode()),
		s.putSealed(&key, h, entryName(name, &key, subject), e.encode())); err != nil {
		t.Fatal(err)
	}
}

// slotsOf are the sealed files of the home, without what they have in common.
func slotsOf(dirs Dirs) string {
	paths, _ := filepath.Glob(dirs.Run() + "/t-*")
	var slots []string
	for _, p := range paths {
		name := strings.TrimPrefix(filepath.Base(p), ProfileKey("jama").file('t'))
		if slot, _, beside := strings.Cut(name, "-"); beside {
			name = slot + "-subject"
		}
		slots = append(slots, name)
	}
	return strings.Join(slots, " ")
}

// TestSlots: places that cannot open each other's entries keep one each, at most four
// a profile, and an entry whose key is gone makes way when its token ended.
func TestSlots(t *testing.T) {
	for _, c := range []struct {
		name   string
		alive  []bool // others' entries, slot by slot
		before int    // how often we put one before they came
		want   string
	}{
		{"alone", nil, 0, ""},
		{"ours is replaced", nil, 1, ""},
		{"another's is left alone", []bool{true}, 0, " -subject .2"},
		{"another's that ended makes way", []bool{false}, 0, ""},
		{"the first that ended makes way", []bool{true, false, false}, 0, " -subject .2 .3 .3-subject"},
		{"the oldest of four makes way", []bool{true, true, true, true}, 0, " .2 .2-subject .3 .3-subject .4 .4-subject"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dirs := home(t)
			s := store(t, dirs)
			for range c.before {
				put(t, s, entry("jama"))
			}
			for i, alive := range c.alive {
				e := entry("jama")
				if !alive {
					e.Expires = e.Issued - 1
				}
				elsewhere(t, s, i, e)
			}
			for range 2 {
				put(t, s, entry("jama"))
				if _, err := s.Get(Whole("jama"), nil); err != nil {
					t.Error(err)
				}
				if got := slotsOf(dirs); got != c.want {
					t.Errorf("files %q, want %q", got, c.want)
				}
			}
		})
	}
}

// TestSlotMovesDown: after a restart the entries of the lost key are in front of ours
// only until their tokens end.
func TestSlotMovesDown(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	old := entry("jama")
	old.Expires = old.Issued + 60
	elsewhere(t, s, 0, old)
	put(t, s, entry("jama"))
	later := entry("jama")
	later.Issued += 120
	put(t, s, later)
	if got := slotsOf(dirs); got != "" {
		t.Errorf("files %q, want the first slot alone", got)
	}
	if e, err := s.Get(Whole("jama"), nil); err != nil || e.Issued != later.Issued {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestSubjectsStayInTheirSlot: a slot that became free does not cost the subjects
// beside ours their entries.
func TestSubjectsStayInTheirSlot(t *testing.T) {
	s := store(t, home(t))
	of := func(job string) *Entry {
		e := entry("jama")
		e.Subject = Subject{ProofOfVariable("JOB", job)}
		return e
	}
	ended := entry("jama")
	elsewhere(t, s, 0, ended)
	put(t, s, of("1"))
	ended.Expires = ended.Issued - 1
	elsewhere(t, s, 0, ended)
	put(t, s, of("2"))
	for _, job := range []string{"1", "2"} {
		if _, err := s.Find(Whole("jama"), func(string) string { return job }); err != nil {
			t.Errorf("job %s: %v", job, err)
		}
	}
}

// TestTwoWays: two paths to one home, as /home and /var/home, have one key and an
// entry each, because an entry holds for the lock that its maker saw.
func TestTwoWays(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	put(t, s, entry("jama"))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(dirs.State), link); err != nil {
		t.Fatal(err)
	}
	dirs.State, dirs.Data = filepath.Join(link, "state"), filepath.Join(link, "data")
	other, err := Open(dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	put(t, other, entry("jama"))
	for i, s := range []*Store{s, other} {
		if _, err := s.Get(Whole("jama"), nil); err != nil {
			t.Errorf("way %d: %v", i, err)
		}
	}
}

// TestDropsReachAll: whatever drops an entry drops those of the other places as well,
// which it cannot open.
func TestDropsReachAll(t *testing.T) {
	for name, drop := range map[string]func(*Store, *Lock) error{
		"refused": func(s *Store, _ *Lock) error { return s.Drop(Whole("jama"), nil) },
		"refused for a subject": func(s *Store, _ *Lock) error {
			return s.Drop(Whole("jama"), Subject{ProofOfVariable("JOB", "2")})
		},
		"profile": func(s *Store, _ *Lock) error { return s.DropProfile("jama") },
		"revoked": func(s *Store, l *Lock) error { return s.Revoke(l, "jama") },
		"all":     func(s *Store, _ *Lock) error { return s.DropAll() },
	} {
		t.Run(name, func(t *testing.T) {
			dirs := home(t)
			s := store(t, dirs)
			for i := range mostSlots {
				elsewhere(t, s, i, entry("jama"))
			}
			put(t, s, entry("jama"))
			if !s.Holds("jama") {
				t.Fatal("it holds nothing")
			}
			lock, err := s.Lock(context.Background(), "jama")
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Unlock()
			if err := drop(s, lock); err != nil {
				t.Fatal(err)
			}
			if left, _ := filepath.Glob(dirs.Run() + "/t-*"); len(left) > 0 || s.Holds("jama") {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestRestoredAfterDropAll (T16): a copy from before counts for nothing even where its
// key is still there: that of another place, or one that is derived again.
func TestRestoredAfterDropAll(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	put(t, s, entry("jama"))
	path := filepath.Join(dirs.Run(), slotName(Whole("jama"), 0))
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DropAll(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, kept)
	if _, err := s.Get(Whole("jama"), nil); !errors.Is(err, ErrMiss) {
		t.Errorf("restored entry: %v, want a miss", err)
	}
}
