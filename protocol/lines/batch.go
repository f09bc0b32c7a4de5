package lines

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/credhelper/credhelper/protocol"
)

// batch holds the replies that the reading goroutine has produced and not yet written.
type batch struct {
	*server
	replies []byte
	written [8]cachedReply
	next    int // index in written of the next one to replace
}

// cachedReply is the encoded reply for one profile's credential, without the id. The bytes
// are reused while the credential stays the same, because a token has thousands of
// them.
type cachedReply struct {
	credential protocol.Credential
	members    []byte
}

// of reports whether it is the reply for c. The time this takes reveals nothing: both
// tokens are ours.
func (w *cachedReply) of(c *protocol.Credential) bool {
	return w.members != nil && w.credential.Expires == c.Expires && w.credential.Profile == c.Profile &&
		w.credential.Header == c.Header && w.credential.Scheme == c.Scheme && w.credential.Source == c.Source &&
		slices.Equal(w.credential.RefreshOn, c.RefreshOn) && w.credential.Secret.Reveal() == c.Secret.Reveal()
}

// answer answers one line, at once if possible; otherwise it starts a call.
func (b *batch) answer(ctx context.Context, line []byte) error {
	id, r, err := Decode(line)
	if err != nil {
		b.replies = AppendError(b.replies, id, err)
		return b.flushIfLong()
	}
	if r.Verb == protocol.Get && !r.Refresh && b.Cached != nil {
		if c, ok := b.Cached(r); ok {
			b.reply(id, &c)
			return b.flushIfLong()
		}
	}
	// Starting a call may block until another one has finished.
	if err := b.flush(); err != nil {
		return err
	}
	return b.begin(ctx, &call{id: bytes.Clone(id), request: r, read: time.Now()})
}

// reply appends the line for a credential from the cache.
func (b *batch) reply(id []byte, c *protocol.Credential) {
	for i := range b.written {
		if b.written[i].of(c) {
			b.replies = append(append(append(appendID(b.replies, id), ','), b.written[i].members...), "}\n"...)
			return
		}
	}
	w := &b.written[b.next]
	members, err := protocol.AppendNative(w.members[:0], *c)
	if err != nil {
		b.replies = AppendError(b.replies, id, err)
		return
	}
	b.next = (b.next + 1) % len(b.written)
	*w = cachedReply{*c, members}
	b.reply(id, c)
}

// refuse appends the line for an invalid request.
func (b *batch) refuse(id []byte, text string) error {
	b.replies = AppendError(b.replies, id, protocol.Malformed("request: "+text))
	return b.flushIfLong()
}

func (b *batch) flushIfLong() error {
	if len(b.replies) < flushAt {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	err := b.write(b.replies)
	b.replies = b.replies[:0]
	return err
}
