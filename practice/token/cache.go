// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"yett/identity"
	"yett/jose"
)

// verified is what was learned of a token from who signed it or answered for it. It does not change, and says nothing of
// whether the token is good here and now: that is judged each time.
type verified struct {
	issuer *issuer
	claims *jose.Claims
	typ    string         // of the header, lower case; "" for an introspected one
	alg    jose.Algorithm // likewise
	key    string         // thumbprint of the key that verified it; "" for an introspected one
	caller *identity.Caller

	foreign string // why it looks like no access token, "" if it does

	id, subject, client          string
	issuedAt, expires, notBefore time.Time // zero: the token does not say
	jkt, x5t                     string    // what it is bound to; "": nothing

	marks atomic.Pointer[marks] // for the table of revocations; made on first use
}

// A digest stands for a token where its text must not be kept.
type digest [sha256.Size]byte

const (
	shards = 16
	// maxRemembered is the longest token that is remembered: its claims take about three times as much.
	maxRemembered = 8 << 10
)

// A cache remembers verified tokens by their digest, never their text and never a verdict. Only tokens whose signature
// fitted come in, so a flood of forged ones evicts nothing. When it is full, what was unused for longest gives way, nearly
// (the clock algorithm).
type cache struct{ shards [shards]shard }

type shard struct {
	mu      sync.RWMutex
	entries map[digest]*entry
	ring    []*entry
	hand    int
	limit   int
}

type entry struct {
	sum  digest
	v    *verified
	used atomic.Bool // since the hand of the clock passed
}

// resize sets how many tokens are remembered, and forgets all where that changes.
func (c *cache) resize(tokens int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		if limit := (tokens + shards - 1) / shards; s.entries == nil || s.limit != limit {
			s.entries, s.ring, s.hand, s.limit = make(map[digest]*entry), nil, 0, limit
		}
		s.mu.Unlock()
	}
}

func (c *cache) of(sum *digest) *shard { return &c.shards[sum[0]%shards] }

// get returns what is known of a token, nil if nothing.
func (c *cache) get(sum *digest) *verified {
	s := c.of(sum)
	s.mu.RLock()
	e := s.entries[*sum]
	s.mu.RUnlock()
	if e == nil {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.v
}

// put remembers v, in the place of what was known of the same token.
func (c *cache) put(sum *digest, v *verified) {
	s := c.of(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit == 0 {
		return
	}
	e := &entry{sum: *sum, v: v}
	if old := s.entries[*sum]; old != nil {
		old.used.Store(false) // its place in the ring is taken by the next one
	}
	s.entries[*sum] = e
	if len(s.ring) < s.limit {
		s.ring = append(s.ring, e)
		return
	}
	for s.ring[s.hand].used.Swap(false) {
		s.hand = (s.hand + 1) % len(s.ring)
	}
	if old := s.ring[s.hand]; s.entries[old.sum] == old {
		delete(s.entries, old.sum)
	}
	s.ring[s.hand] = e
	s.hand = (s.hand + 1) % len(s.ring)
}

// drop forgets a token.
func (c *cache) drop(sum *digest) {
	s := c.of(sum)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[*sum]; e != nil {
		e.used.Store(false)
		delete(s.entries, *sum)
	}
}

func (c *cache) size() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}
