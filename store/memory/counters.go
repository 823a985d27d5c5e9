// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package memory keeps store.Counters in the memory of one process.
//
// It stops a caller from exceeding a rate by calling in parallel (one atomic step), by waiting for its
// counter to be forgotten (only counters that no longer matter are), or by flooding the process with other
// keys (there is a bound, and at the bound new keys share one strict counter). It does not survive the
// process and is not shared between nodes.
//
// Used alone:
//
//	c := memory.New(memory.Options{})
//	taken, err := c.Take(ctx, "203.0.113.7", store.Rate{Requests: 100, Per: time.Minute}, 1)
package memory

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"yett/store"
)

// Options bound and time the counters. The zero Options are the defaults.
type Options struct {
	// Keys is how many live keys surely have a counter of their own, for Take and for Once each; 0 means
	// 1<<20. Up to an eighth more may, depending on how they spread over the shards.
	Keys int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Counters are store.Counters in memory. They start no goroutine: what no longer matters is swept as new keys
// come.
//
// A key of Take is live while its burst is not whole; a key of Once, while its ttl runs. Live keys are never
// evicted. When a shard holds nothing but live keys, a new key of Take is counted in an overflow bucket of
// the shard, one for all new keys with the same rate, and a key that moves out of it takes the bucket's debt
// along. So a flood makes limits stricter for callers not seen before, never looser for anyone; and since an
// ordinary rate forgets a single request within milliseconds, a flood has to be very fast to get there. A
// new key of Once is store.ErrFull then.
type Counters struct {
	now    func() time.Time
	base   time.Time // with its monotonic reading: steps of the wall clock do not count
	seed   maphash.Seed
	shards []shard // a power of two
}

var _ store.Counters = (*Counters)(nil)

// maxShards bounds how many callers can be at work at once.
const maxShards = 256

// New returns empty counters.
func New(o Options) *Counters {
	keys := o.Keys
	if keys <= 0 {
		keys = 1 << 20
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	n := 1
	for n < maxShards && keys/(2*n) >= 1024 {
		n *= 2
	}
	limit := keys / n
	if n > 1 {
		// Keys spread by chance, so shards differ: room for eight standard deviations.
		limit += min(8*int(math.Sqrt(float64(limit))), limit/8)
	}
	c := &Counters{now: now, base: now(), seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].rates.limit = limit
		c.shards[i].seen.limit = limit
		for j := range c.shards[i].overflow {
			c.shards[i].overflow[j] = math.MinInt64 // no debt, even to a clock that steps back
		}
	}
	return c
}

// Take implements store.Counters. It never blocks on anything but a short lock, so ctx is not consulted.
func (c *Counters) Take(_ context.Context, key string, r store.Rate, cost int64) (store.Taken, error) {
	step, err := store.NewStep(r, cost)
	if err != nil {
		return store.Taken{}, err
	}
	s, key := c.shard(key)
	now := c.elapsed()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(now, key, step, overflowFor(r)), nil
}

// Once implements store.Counters. It never blocks on anything but a short lock, so ctx is not consulted.
func (c *Counters) Once(_ context.Context, key string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		return false, store.ErrTTL
	}
	s, key := c.shard(key)
	now := c.elapsed()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.once(now, key, ttl)
}

// elapsed is the clock of the tables, in nanoseconds.
func (c *Counters) elapsed() int64 { return int64(c.now().Sub(c.base)) }

// maxKey bounds what a key costs in memory. Longer ones are replaced by a digest, which is longer than any
// key that is kept as it is: nobody can send a key that reads like another's digest.
const maxKey = 2*sha512.Size - 1

// shard returns where key lives, and how it is spelled there. The seed is random, so that nobody can choose
// keys that meet in one shard.
func (c *Counters) shard(key string) (*shard, string) {
	if len(key) > maxKey {
		sum := sha512.Sum512([]byte(key))
		key = hex.EncodeToString(sum[:])
	}
	return &c.shards[maphash.String(c.seed, key)&uint64(len(c.shards)-1)], key
}

// A shard is a part of the keys behind one lock.
type shard struct {
	mu       sync.Mutex
	rates    table            // until: the theoretical arrival time
	seen     table            // until: the end of the ttl
	overflow [overflows]int64 // theoretical arrival times of the overflow buckets
	_        [64]byte         // neighbours' locks are not in one cache line
}

const overflows = 16

// overflowFor chooses the overflow bucket of a rate. Two rates that meet share a debt: stricter, not looser.
func overflowFor(r store.Rate) int {
	h := uint64(r.Requests)*0x9e3779b97f4a7c15 ^ uint64(r.Per)*0xc2b2ae3d27d4eb4f ^ uint64(r.Burst)*0x165667b19e3779f9
	return int(h >> 60)
}

func (s *shard) take(now int64, key string, step store.Step, overflow int) store.Taken {
	if known := s.rates.find(key); known != nil {
		taken, tat := step.Take(now, known.until)
		known.until = tat
		return taken
	}
	// The bucket's debt is this key's debt: it may have been counted there before. In quiet times there is none.
	debt := s.overflow[overflow]
	taken, tat := step.Take(now, debt)
	if tat > now && !s.rates.add(now, key, tat) {
		s.overflow[overflow] = max(debt, tat)
	}
	return taken
}

func (s *shard) once(now int64, key string, ttl time.Duration) (bool, error) {
	until := now + min(int64(ttl), math.MaxInt64/2)
	if known := s.seen.find(key); known != nil {
		if known.until > now {
			return false, nil
		}
		known.until = until
		return true, nil
	}
	if !s.seen.add(now, key, until) {
		return false, store.ErrFull
	}
	return true, nil
}
