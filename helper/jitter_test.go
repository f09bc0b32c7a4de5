package helper_test

import (
	"os"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// margin is the part of the life of the token that is sealed in which it is renewed early,
// and how much of that the entry says.
func (h *home) margin(t *testing.T) (whole, kept int64) {
	t.Helper()
	store := h.front()
	defer store.Close()
	e, err := store.Get(cache.Whole("demo"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.Expires - cache.RefreshTime(e.Issued, e.Expires), e.Expires - e.Refresh
}

// TestJitter: what was sealed in one second is not renewed in one. The times are spread
// over two fifths of the margin and more, never later than its half, and stay what they
// are when the entry is sealed again.
func TestJitter(t *testing.T) {
	h := ready(t, oauthtest.Options{Lifetime: time.Hour})
	h.mustGet(named) // the home has its id
	most, least := int64(0), int64(1<<62)
	var whole, kept int64
	for range 100 {
		h.mustGet(protocol.Request{Profile: "demo", Refresh: true})
		whole, kept = h.margin(t)
		if most, least = max(most, kept), min(least, kept); kept > whole || 2*kept < whole {
			t.Fatalf("%d s of %d s", kept, whole)
		}
	}
	if 10*(most-least) < 4*whole {
		t.Errorf("from %d to %d s before the end: spread over less than two fifths of %d s", least, most, whole)
	}
	h.profile("demo", plain+"\nnotes = \"changed\"\n")
	h.mustGet(named)
	if _, again := h.margin(t); again != kept {
		t.Errorf("sealed again: %d s, before %d s", again, kept)
	}
	h.profile("demo", plain+"\nmin_ttl = \"4m\"\n")
	h.mustGet(named)
	if _, again := h.margin(t); again < 240 {
		t.Errorf("min_ttl is 240 s, and it is renewed %d s before the end", again)
	}
}

// TestJitterOfHomes: homes that hold the same token spread, too.
func TestJitterOfHomes(t *testing.T) {
	token := t.TempDir() + "/token"
	if err := os.WriteFile(token, []byte(`{"access_token":"of-all","expiry":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for range 12 {
		h := newHome(t, oauthtest.Options{})
		h.profile("demo", "grant = \"given\"\ntoken = [\"command\", \"/bin/cat\", \""+token+"\"]\n")
		h.mustGet(named)
		_, kept := h.margin(t)
		seen[kept] = true
	}
	if len(seen) < 4 {
		t.Errorf("12 homes have %d times", len(seen))
	}
}
