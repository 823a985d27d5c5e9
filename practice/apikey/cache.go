// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"crypto/subtle"
	"sync"
	"sync/atomic"

	"yett/identity"
)

// maxCached is how many keys are remembered: about 40 MB when all are in use.
const maxCached = 1 << 16

// An entry is a key as the store had it. It does not change; whether it admits is judged at each use.
type entry struct {
	hash   digest
	key    Key
	caller *identity.Caller
	used   atomic.Bool // since the hand of the clock passed
}

// A cache remembers keys whose secret was presented and fitted. Failing attempts neither read an entry nor make one, so
// a flood of them evicts nothing. When it is full, the key unused for longest gives way, nearly (the clock algorithm).
type cache struct {
	mu      sync.RWMutex
	entries map[string]*entry
	ring    []*entry
	hand    int
	limit   int
	dropped uint64 // counts forgettings
}

func (c *cache) init(limit int) {
	c.entries = make(map[string]*entry)
	c.limit = limit
}

// get returns the entry of id if its secret fits.
func (c *cache) get(id string, sum *digest) *entry {
	c.mu.RLock()
	e := c.entries[id]
	c.mu.RUnlock()
	if e == nil || subtle.ConstantTimeCompare(e.hash[:], sum[:]) != 1 {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// generation changes whenever something is forgotten. Read it before the store.
func (c *cache) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.dropped
}

// put remembers e, unless something was forgotten since generation: e may then be what had to be.
func (c *cache) put(e *entry, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped != generation {
		return
	}
	if old := c.entries[e.key.ID]; old != nil {
		return // another request was quicker
	}
	c.entries[e.key.ID] = e
	if len(c.ring) < c.limit {
		c.ring = append(c.ring, e)
		return
	}
	for c.ring[c.hand].used.Swap(false) {
		c.hand = (c.hand + 1) % len(c.ring)
	}
	if old := c.ring[c.hand]; c.entries[old.key.ID] == old {
		delete(c.entries, old.key.ID)
	}
	c.ring[c.hand] = e
	c.hand = (c.hand + 1) % len(c.ring)
}

// forget drops the entries of ids; their places in the ring are taken by the next ones.
func (c *cache) forget(ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	for _, id := range ids {
		if e := c.entries[id]; e != nil {
			e.used.Store(false)
			delete(c.entries, id)
		}
	}
}

// reset drops everything.
func (c *cache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	clear(c.entries)
	clear(c.ring)
	c.ring, c.hand = c.ring[:0], 0
}

func (c *cache) size() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}
