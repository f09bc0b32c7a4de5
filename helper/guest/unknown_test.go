package guest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol/secret"
)

// TestUnknown: why nobody is admitted is known to the log, and the error says the same of
// all.
func TestUnknown(t *testing.T) {
	p := newPlace(t)
	first := p.lend(guest.File{})
	check := func(id string, text secret.Text, who, reason string) {
		t.Helper()
		_, err := p.book.BySecret(t.Context(), id, text)
		why := new(guest.Unknown)
		if !errors.As(err, &why) || why.Guest != who || why.Reason != reason || err.Error() != guest.ErrUnknown.Error() {
			t.Errorf("%s: %v, %+v", id, err, why)
		}
	}
	check("lend-jci", secret.New("chl_wrong"), "jci", "a wrong secret")
	check("jci", first, "jci", `its secret came with another client id than lend-jci`)
	check("jci", secret.New("chl_wrong"), "", `no guest has the client id that was sent, but one has lend-jci`)
	check("lend-jcl", secret.New("chl_wrong"), "", `no guest has the client id that was sent, but one has lend-jci`)
	check("prometheus", secret.New("chl_wrong"), "", `no guest has the client id that was sent`)
	// The two fields are easily swapped, and what is in the first must not be in the log.
	check(first.Reveal(), secret.New("lend-jci"), "", `no guest has the client id that was sent`)
	check(first.Reveal(), first, "jci", `its secret came with another client id than lend-jci`)
	check("", secret.New("chl_wrong"), "", "no guest has this secret or token")
	_, second, err := p.lender.Rotate(t.Context(), "jci", time.Minute, p.now.UTC().Add(time.Hour).Format(time.RFC3339))
	if err != nil {
		t.Fatal(err)
	}
	p.now = p.now.Add(2 * time.Minute)
	check("lend-jci", first, "jci", "a secret that was replaced")
	p.now = p.now.Add(time.Hour)
	day := p.now.UTC().Add(-2 * time.Minute).Format(time.DateOnly)
	check("lend-jci", second, "jci", "ended on "+day)
	check("", second, "jci", "ended on "+day)
}
