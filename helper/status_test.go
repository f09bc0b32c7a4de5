package helper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/credhelper/credhelper/helper/keyring"
	"github.com/credhelper/credhelper/helper/oauth/oauthtest"
	"github.com/credhelper/credhelper/protocol"
)

// TestStatusOfALockedKeyring: a keyring that does not open is asked once; the first
// profile whose secret is there says why, the others that they have the same one, and one
// whose secret is elsewhere has nothing to do with it.
func TestStatusOfALockedKeyring(t *testing.T) {
	h := newHome(t, oauthtest.Options{})
	for _, name := range []string{"a", "b", "d"} {
		h.profile(name, plain)
	}
	h.profile("c", plain+"secret = [\"env\", \"SECRET\"]\n")
	h.keyring.fails = keyring.ErrLocked
	list, err := h.helper().Status(t.Context())
	if err != nil || len(list) != 4 {
		t.Fatalf("%d profiles, %v", len(list), err)
	}
	for i, want := range []string{"profile a: keyring in memory: ", "profile b: its secret is in the same keyring as that of a", "", "profile d: its secret is in the same keyring as that of a"} {
		err := list[i].SecretErr
		if want == "" && err == nil {
			continue
		}
		if want == "" || !errors.Is(err, protocol.ErrLocked) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", list[i].Profile, err)
		}
	}
	if h.keyring.gets != 1 {
		t.Errorf("the keyring was asked %d times", h.keyring.gets)
	}
}
