package guest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/credhelper/credhelper/helper/guest"
	"github.com/credhelper/credhelper/protocol"
)

// TestPrivate: the guest of one command needs no file and no keyring. It is alone in its
// book, and gets nothing once its profile is bound to something else.
func TestPrivate(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	other := p.lend(guest.File{})
	p.locked = true
	now := func() time.Time { return p.now }
	book, row, text, err := guest.Private(p.helper, now, "jama", "", true)
	if err != nil {
		t.Fatal(err)
	}
	if row.ID != "exec-jama" || row.Base() != "https://example.jamacloud.com" || row.TokenPath() != "/rest/oauth/token" || row.Real() {
		t.Errorf("%+v", row)
	}
	a, err := book.BySecret(ctx, row.ID, text)
	if err != nil || len(a.Row.Azure) != 1 || !book.TokenPath(ctx, "/rest/oauth/token") {
		t.Fatalf("%+v, %v", a, err)
	}
	token, _, err := a.Token(protocol.Narrowing{}, p.now.Unix()+3600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.ByToken(ctx, token); err != nil {
		t.Error(err)
	}
	again, _, _, err := guest.Private(p.helper, now, "jama", "", false)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a guest of a file":               second(book.BySecret(ctx, "", other)),
		"another command's secret":        second(again.BySecret(ctx, "", text)),
		"another command's token":         second(again.ByToken(ctx, token)),
		"the secret in the door of files": second(p.book.BySecret(ctx, "", text)),
	} {
		if !errors.Is(err, guest.ErrUnknown) && !errors.Is(err, protocol.ErrLocked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.later()
	p.write("profiles/jama.toml", strings.ReplaceAll(p.read("profiles/jama.toml"), "example.jamacloud.com", "other.jamacloud.com"))
	if _, err := book.BySecret(ctx, row.ID, text); !errors.Is(err, protocol.ErrPolicy) || book.Lives(ctx, a) {
		t.Errorf("after an edit of its profile: %v, lives: %v", err, book.Lives(ctx, a))
	}
	if _, _, _, err := guest.Private(p.helper, now, "nobody", "", false); !errors.Is(err, protocol.ErrNoProfile) && !errors.Is(err, protocol.ErrUnknown) {
		t.Errorf("without a profile: %v", err)
	}
}

func second(_ guest.Admitted, err error) error { return err }
