package pools

import (
	"context"
	"encoding/binary"

	"github.com/credhelper/credhelper/helper/cache"
	"github.com/credhelper/credhelper/helper/pool"
)

// memory returns where the home remembers that a pool's store was lost: in its cache.
func (ps *Pools) memory(name string) pool.Memory {
	key := "pool lost\x00" + name
	with := func(do func(*cache.Store)) {
		if store, err := ps.config.Cache(); err == nil && store != nil {
			defer store.Close()
			do(store)
		}
	}
	write := func(l pool.Loss) {
		now := ps.config.Now().Unix()
		with(func(s *cache.Store) { _ = s.Keep(context.Background(), key, encodeLoss(l), now, now+86400) })
	}
	return pool.Memory{
		Read: func() (l pool.Loss, known bool) {
			with(func(s *cache.Store) {
				if b, ok := s.Kept(key); ok {
					l = decodeLoss(b)
				}
			})
			return l, l.Count > 0
		},
		Write: func(l pool.Loss) {
			write(l)
			if l.Count == 1 {
				ps.config.Lost(name, l)
			}
		},
		Clear: func() { write(pool.Loss{}) },
	}
}

func encodeLoss(l pool.Loss) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(l.Since))
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(b, uint64(l.Until)), l.Count)
	return append(b, l.Text...)
}

// decodeLoss decodes what was kept; what is too short is no loss.
func decodeLoss(b []byte) pool.Loss {
	if len(b) < 18 {
		return pool.Loss{}
	}
	return pool.Loss{Since: int64(binary.BigEndian.Uint64(b)), Until: int64(binary.BigEndian.Uint64(b[8:])),
		Count: binary.BigEndian.Uint16(b[16:]), Text: string(b[18:])}
}
