package protocol

import (
	"testing"

	"github.com/credhelper/credhelper/protocol/secret"
)

// TestRefuses: a refused token is known by itself or by its mark, and no other is.
func TestRefuses(t *testing.T) {
	one, other := secret.New("t0k"), secret.New("t0l")
	for _, c := range []struct {
		request Request
		want    bool
	}{
		{Request{}, false},
		{Request{Refused: Refusal{Token: one}}, true},
		{Request{Refused: Refusal{Token: other}}, false},
		{Request{Refused: Refusal{Mark: "4ba9fc03"}}, true},
		{Request{Refused: Refusal{Mark: Mark(one)}}, true},
		{Request{Refused: Refusal{Mark: Mark(other)}}, false},
		{Request{Refused: Refusal{Mark: "4ba9"}}, false},
	} {
		if got := c.request.Refused.Of(one); got != c.want {
			t.Errorf("%+v: %v, want %v", c.request, got, c.want)
		}
	}
	if (Request{}).Refused.Of(secret.Text{}) {
		t.Error("no token is a refused one")
	}
}
