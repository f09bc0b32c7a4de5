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
		{Request{Refused: one}, true},
		{Request{Refused: other}, false},
		{Request{RefusedMark: "4ba9fc03"}, true},
		{Request{RefusedMark: Mark(one)}, true},
		{Request{RefusedMark: Mark(other)}, false},
		{Request{RefusedMark: "4ba9"}, false},
	} {
		if got := c.request.Refuses(one); got != c.want {
			t.Errorf("%+v: %v, want %v", c.request, got, c.want)
		}
	}
	if (Request{}).Refuses(secret.Text{}) {
		t.Error("no token is a refused one")
	}
}
