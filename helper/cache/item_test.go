package cache

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/credhelper/credhelper/protocol"
	"github.com/credhelper/credhelper/protocol/secret"
)

// items differ in profile, scope or audience; some would be equal if these were only
// written one after the other.
var items = []Item{
	Whole("jama"), Whole("other"),
	{"jama", protocol.Narrowing{Scope: "read"}},
	{"jama", protocol.Narrowing{Audience: "read"}},
	{"jama", protocol.Narrowing{Scope: "read write"}},
	{"jama", protocol.Narrowing{Scope: "read", Audience: "write"}},
	{"other", protocol.Narrowing{Scope: "read"}},
}

// TestNarrowedEntries (T15): each item has an entry of its own, which says what it is
// for; a file under the name of another item's is a miss.
func TestNarrowedEntries(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	for i, item := range items {
		e := entry(item.Profile)
		e.Narrowing, e.Token = item.Narrowing, secret.New(canary+string(rune('a'+i)))
		put(t, s, e)
	}
	for i, item := range items {
		e, err := s.Get(item, nil)
		if err != nil || e.item() != item || e.Token.Reveal() != canary+string(rune('a'+i)) {
			t.Errorf("%+v: %+v, %v", item, e, err)
		}
	}
	if n := len(s.Narrowed("jama")); n != 4 {
		t.Errorf("%d narrowed entries of jama, want 4", n)
	}
	read := func(i Item) []byte {
		content, err := os.ReadFile(filepath.Join(dirs.Run(), i.file('t')))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	contents := map[Item][]byte{}
	for _, item := range items {
		contents[item] = read(item)
	}
	for _, from := range items {
		for _, to := range items {
			if err := os.WriteFile(filepath.Join(dirs.Run(), to.file('t')), contents[from], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(to, nil); (err == nil) != (from == to) {
				t.Errorf("the entry of %+v under the name of %+v: %v", from, to, err)
			}
			if err := os.WriteFile(filepath.Join(dirs.Run(), to.file('t')), contents[to], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestDropNarrowed: what belongs to one profile's narrowed items goes, and nothing else.
func TestDropNarrowed(t *testing.T) {
	dirs := home(t)
	s := store(t, dirs)
	for _, item := range items {
		e := entry(item.Profile)
		e.Narrowing = item.Narrowing
		put(t, s, e)
		if err := s.PutRejections(item, Rejections{Token: "12345678"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DropNarrowed("jama"); err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		_, err := s.Get(item, nil)
		_, rejected := s.Rejections(item)
		gone := item.Profile == "jama" && item.narrowed()
		if errors.Is(err, ErrMiss) != gone || rejected == gone {
			t.Errorf("%+v: %v, its rejections are there: %v", item, err, rejected)
		}
	}
	if s.hasNarrowed("jama") || !s.hasNarrowed("other") {
		t.Error("the note that there are narrowed items")
	}
	if err := s.DropNarrowed("jama"); err != nil {
		t.Errorf("again: %v", err)
	}
}
