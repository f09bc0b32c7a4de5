package handover

import (
	"slices"
	"testing"
)

// TestOneProcessor: an executable starts on one processor unless the user says otherwise,
// and its children get the environment that the user set.
func TestOneProcessor(t *testing.T) {
	for _, c := range []struct {
		user    []string
		limited bool
	}{
		{nil, true},
		{[]string{"HOME=/root", "MY_GOMAXPROCS=2"}, true},
		{[]string{"GOMAXPROCS=1"}, false},
		{[]string{"GOMAXPROCS=4", "HOME=/root"}, false},
		{[]string{"GOMAXPROCS="}, false},
	} {
		given := onOneProcessor(slices.Clone(c.user))
		own, limited := CutOneProcessor(given)
		if limited != c.limited || !slices.Equal(own, c.user) || limited == slices.Equal(given, c.user) {
			t.Errorf("%q: started with %q; limited %v, children get %q", c.user, given, limited, own)
		}
	}
}
