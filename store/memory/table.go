// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package memory

import "strings"

// A table maps keys to instants, up to a limit, and forgets a key only after its instant. Not safe for
// concurrent use.
type table struct {
	index map[string]int32 // into slots
	slots []slot           // without gaps
	hand  int              // the next slot that sweep looks at
	limit int
}

type slot struct {
	key   string
	until int64
}

// find returns the slot of key, valid until the next add, or nil.
func (t *table) find(key string) *slot {
	i, ok := t.index[key]
	if !ok {
		return nil
	}
	return &t.slots[i]
}

const (
	// sweepAlways is how many slots each add looks at: every slot is seen once in half as many adds as there
	// are slots.
	sweepAlways = 2
	// sweepFull is how many an add looks at in search of room.
	sweepFull = 64
)

// add puts a key that is not there, and reports whether there was room.
func (t *table) add(now int64, key string, until int64) bool {
	t.sweep(now, sweepAlways)
	if len(t.slots) >= t.limit {
		t.sweep(now, sweepFull)
	}
	if len(t.slots) >= t.limit {
		return false
	}
	if t.index == nil {
		t.index = make(map[string]int32)
	}
	key = strings.Clone(key) // it may be a part of a whole request head
	t.index[key] = int32(len(t.slots))
	t.slots = append(t.slots, slot{key, until})
	return true
}

// sweep looks at n slots and drops those whose instant has come.
func (t *table) sweep(now int64, n int) {
	for ; n > 0 && len(t.slots) > 0; n-- {
		if t.hand >= len(t.slots) {
			t.hand = 0
		}
		if t.slots[t.hand].until > now {
			t.hand++
			continue
		}
		last := len(t.slots) - 1
		delete(t.index, t.slots[t.hand].key)
		if t.hand != last {
			t.slots[t.hand] = t.slots[last]
			t.index[t.slots[t.hand].key] = int32(t.hand)
		}
		t.slots[last] = slot{}
		t.slots = t.slots[:last]
	}
}
