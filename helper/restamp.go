package helper

import (
	"context"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/config"
)

// restamp seals the entry again if files it depends on have changed without effect on
// the token, so that the front can answer again. It does not wait for the lock.
func (q *query) restamp(ctx context.Context, e *cache.Entry) {
	_, r := q.reported()
	rejected := r.Block(q.now().Unix())
	if e.Current() && q.audits(e) && e.Rejected == rejected && q.findable(e) || q.profile.Stamps == nil {
		return
	}
	lock, err := q.store.TryLock(q.profile.Name)
	if err != nil {
		return
	}
	defer lock.Unlock()
	if now := q.sealed(); now == nil || !now.Token.Equal(e.Token) {
		return
	}
	entry := q.newEntry(e.Token, e.Issued, e.Expires)
	entry.BootedAt, entry.Rejected = e.BootedAt, rejected
	_ = q.store.Put(ctx, lock, entry)
}

// audits reports whether an entry says what the settings say of the log.
func (q *query) audits(e *cache.Entry) bool {
	if q.settings.Audit == "" {
		return !e.Audit
	}
	return e.Audit && e.Required == (q.settings.Audit == config.AuditRequired) && e.LogLimit == q.settings.LogLimit()
}

// findable reports whether the front would find this entry for this call.
func (q *query) findable(e *cache.Entry) bool {
	if q.subject == nil {
		return true
	}
	found, err := q.store.Find(q.item, q.env)
	return err == nil && found.Token.Equal(e.Token)
}
