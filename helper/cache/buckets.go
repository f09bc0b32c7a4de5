package cache

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
)

// A bucket is nonce 12 | AES-256-GCM of: count 2 | count hashes of 8 | zeros. Which
// bucket a key belongs to is a part of its hash, so an answer reads 2 KiB whether there
// are ten hosts or a hundred thousand. Associated data are the generation, which the
// list of hosts names, and the bucket's number: a bucket of another place or time does
// not open.
//
// A hash that is found only means "execute the engine". Only its absence is an answer.
const (
	bucketsFile = "hosts-buckets"
	bucketSize  = 2048 // bytes
	bucketText  = bucketSize - nonceSize - tagSize
	bucketHolds = (bucketText - 2) / 8
	mostBuckets = 1 << 14 // 32 MiB, some three million hosts
)

// hostHash is the hash of a host's key: the part that its bucket contains, and the number
// of the bucket, to be reduced to the number of buckets in use.
type hostHash struct {
	hash   uint64
	bucket uint16
}

func hashOf(key string) hostHash {
	k := KeyOf("host", key)
	s := scanner{rest: string(k[:])}
	return hostHash{s.uint64(), s.uint16()}
}

// in returns the number of the bucket if there are so many buckets, a power of two.
func (h hostHash) in(buckets int) int { return int(h.bucket) & (buckets - 1) }

// spread distributes keys among the smallest number of buckets, a power of two, that can
// hold them; nil if that is more than most.
func spread(keys []string, most int) [][]hostHash {
	hashes := hashesOf(keys)
	slices.SortFunc(hashes, func(a, b hostHash) int { return cmp.Compare(a.hash, b.hash) })
	hashes = slices.CompactFunc(hashes, func(a, b hostHash) bool { return a.hash == b.hash })
	for n := 1; n <= most; n *= 2 {
		sizes := make([]int, n)
		for _, h := range hashes {
			sizes[h.in(n)]++
		}
		if slices.Max(sizes) > bucketHolds {
			continue
		}
		buckets := make([][]hostHash, n)
		for _, h := range hashes {
			buckets[h.in(n)] = append(buckets[h.in(n)], h)
		}
		return buckets
	}
	return nil
}

// hashesOf hashes keys, of which there may be hundreds of thousands, on all processors.
func hashesOf(keys []string) []hostHash {
	hashes := make([]hostHash, len(keys))
	const least = 4096 // for which another goroutine is worth it
	chunk := max(least, len(keys)/runtime.GOMAXPROCS(0)+1)
	var all sync.WaitGroup
	for from := 0; from < len(keys); from += chunk {
		all.Go(func() {
			for i := from; i < min(from+chunk, len(keys)); i++ {
				hashes[i] = hashOf(keys[i])
			}
		})
	}
	all.Wait()
	return hashes
}

// holds reports whether a host's key is in its bucket.
func (s *Store) holds(h *Hosts, key *sealingKey, host string) (bool, error) {
	hash := hashOf(host)
	i := hash.in(h.buckets)
	var sealed [bucketSize]byte
	if s.dir.ReadAt(bucketsFile, sealed[:], int64(i)*bucketSize) != nil {
		return false, ErrMiss
	}
	aead, err := key.aead()
	if err != nil {
		return false, ErrMiss
	}
	text, err := aead.Open(sealed[nonceSize:nonceSize], sealed[:nonceSize], sealed[nonceSize:], h.additional(i))
	if err != nil {
		return false, ErrMiss
	}
	b := scanner{rest: string(text)}
	for range b.uint16() {
		if b.uint64() == hash.hash {
			return true, nil
		}
	}
	return false, nil
}

func (s *Store) putBuckets(h *Hosts, key *sealingKey, buckets [][]hostHash) error {
	aead, err := key.aead()
	if err != nil {
		return err
	}
	nonces := make([]byte, len(buckets)*nonceSize)
	if err := randomBytes(nonces); err != nil {
		return err
	}
	sealed := make([]byte, 0, len(buckets)*bucketSize)
	var text [bucketText]byte
	for i, hashes := range buckets {
		b := appendUint16(text[:0], uint16(len(hashes)))
		for _, h := range hashes {
			b = appendUint64(b, h.hash)
		}
		clear(text[len(b):])
		nonce := nonces[i*nonceSize:][:nonceSize]
		sealed = aead.Seal(append(sealed, nonce...), nonce, text[:], h.additional(i))
	}
	return s.dir.Replace(bucketsFile, sealed)
}

// additional returns the associated data of a bucket.
func (h *Hosts) additional(bucket int) []byte {
	b := append(make([]byte, 0, 48), bucketsFile...)
	return appendUint16(append(b, h.generation[:]...), uint16(bucket))
}
