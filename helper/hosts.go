package helper

import (
	"context"
	"time"

	"github.com/credhelper/credhelper/helper/cache"
)

// keepHosts stores on which hosts profiles have origins, as of a time, so that the
// front can answer for all other hosts.
func (q *query) keepHosts(compared cache.Clock) {
	if q.store == nil {
		return
	}
	hosts, keys, ok := q.claims.Hosts()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	hosts.Compared = compared
	_ = q.store.PutHosts(ctx, hosts, keys)
}
