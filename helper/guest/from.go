package guest

import (
	"context"
	"net/netip"
	"slices"
)

// MayComeFrom reports whether the guest may come from an address: one of its networks, or, if it
// has none, one of this machine's, which local says.
func (r *Row) MayComeFrom(a netip.Addr, local bool) bool {
	if len(r.Networks) == 0 {
		return local
	}
	return slices.ContainsFunc(r.Networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// ServesFrom reports whether some guest may come from an address of another machine. Like
// Serves it reads no more than requests do.
func (b *Book) ServesFrom(ctx context.Context, a netip.Addr) bool {
	return b.some(ctx, func(r *Row) bool { return r.sealed() && r.MayComeFrom(a, false) })
}
