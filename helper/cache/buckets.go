package cache

import (
	"slices"
)

// A bucket is nonce 12 | AES-256-GCM of: count 2 | count hashes of 8 | zeros. Which
// bucket a key belongs to is a part of its hash, so an answer reads 2 KiB whether there
// are ten hosts or a hundred thousand. Associated data are the generation, which the
// list of hosts names, and the bucket's number: a bucket of another place or time does
// not open.
//
// A hash that is found only means "ask the engine". What decides is that none is.
const (
	bucketsFile = "hosts-buckets"
	bucketSize  = 2048 // bytes
	bucketText  = bucketSize - nonceSize - tagSize
	bucketHolds = (bucketText - 2) / len(hostHash{})
	mostBuckets = 1 << 14 // 32 MiB, some three million hosts
)

// hostHash is what a bucket holds of a key.
type hostHash [8]byte

// hashOf is the hash of a host's key and the number that its bucket has among many, to
// be cut to as many bits as there are.
func hashOf(key string) (hash hostHash, bucket int) {
	k := KeyOf("host", key)
	return hostHash(k[:8]), int(k[8])<<8 | int(k[9])
}

// spread distributes keys among as few buckets, a power of two, as hold them; nil if
// there are too many.
func spread(keys []string) [][]hostHash {
	for n := 1; n <= mostBuckets; n *= 2 {
		if len(keys) > n*bucketHolds {
			continue
		}
		buckets, fits := make([][]hostHash, n), true
		for _, key := range keys {
			hash, i := hashOf(key)
			i &= n - 1
			if !slices.Contains(buckets[i], hash) {
				buckets[i] = append(buckets[i], hash)
			}
			if fits = len(buckets[i]) <= bucketHolds; !fits {
				break
			}
		}
		if fits {
			return buckets
		}
	}
	return nil
}

// holds reports whether the bucket of a host's key has it.
func (s *Store) holds(h *Hosts, key *sealingKey, host string) (bool, error) {
	hash, i := hashOf(host)
	i &= h.buckets - 1
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
	b := scanner{rest: text}
	for range b.uint16() {
		if [8]byte(b.take(len(hash))) == hash {
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
		for _, hash := range hashes {
			b = append(b, hash[:]...)
		}
		clear(text[len(b):])
		nonce := nonces[i*nonceSize:][:nonceSize]
		sealed = aead.Seal(append(sealed, nonce...), nonce, text[:], h.additional(i))
	}
	return s.dir.Replace(bucketsFile, sealed)
}

// additional are the associated data of a bucket.
func (h *Hosts) additional(bucket int) []byte {
	b := append(make([]byte, 0, 48), bucketsFile...)
	return appendUint16(append(b, h.generation[:]...), uint16(bucket))
}
