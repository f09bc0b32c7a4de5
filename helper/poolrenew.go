package helper

import (
	"context"

	"github.com/credhelper/credhelper/protocol"
)

// RenewPool puts a new token into a profile's pool, whatever is there. It fails if the pool
// did not get it; without the store no token is fetched.
func (h *Helper) RenewPool(ctx context.Context, name string) (protocol.Credential, error) {
	return h.get(ctx, protocol.Request{Verb: protocol.Get, Profile: name, Refresh: true}, true)
}
