// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"unsafe"
)

// seed makes hashes differ from process to process: without it a sender could choose names or items that collide.
var seed = maphash.MakeSeed()

// linear is up to how many members names are compared one by one. An object with more gets a hash table of its own:
// a run of tableSize(members) slots in Doc.table, at least half of them empty, searched from the slot of the hash on.
const linear = 16

func tableSize(members int32) int { return 2 << bits.Len32(uint32(members-1)) }

// slots returns the table of the large object v.
func (d *Doc) slots(v *node) []Node { return d.table[v.aux : int(v.aux)+tableSize(v.size)] }

// indexNames refuses object n if a name occurs twice, and makes its table if it is large.
func (d *Doc) indexNames(n Node) *SyntaxError {
	v := &d.nodes[n]
	if v.size <= linear {
		var seen uint64 // traits of the names so far: names of different traits are different
		for b := d.First(n); b != None; b = d.nodes[b].next {
			name := d.nameOf(&d.nodes[b])
			trait := uint64(1) << traitOf(name)
			if seen&trait != 0 && d.hasBefore(n, b, name) {
				return d.duplicate(b)
			}
			seen |= trait
		}
		return nil
	}

	size := tableSize(v.size)
	v.aux = int32(len(d.table))
	d.table = slices.Grow(d.table, size)[:len(d.table)+size]
	slots := d.slots(v)
	clear(slots)
	for b := n + 1; b != None; b = d.nodes[b].next {
		slot, found := d.probe(slots, d.nameOf(&d.nodes[b]))
		if found {
			return d.duplicate(b)
		}
		slots[slot] = b
	}
	return nil
}

// traitOf is a number below 64 that tells most names apart.
func traitOf(name []byte) uint {
	if len(name) == 0 {
		return 0
	}
	return (uint(len(name))*7 + uint(name[0]) + uint(name[len(name)-1])*3) % 64
}

// hasBefore reports whether a member of n before b has this name.
func (d *Doc) hasBefore(n, b Node, name []byte) bool {
	for a := n + 1; a != b; a = d.nodes[a].next {
		if bytes.Equal(d.nameOf(&d.nodes[a]), name) {
			return true
		}
	}
	return false
}

// probe returns the slot that holds name, or the empty one where it belongs. The root is no member, so 0 means empty.
func (d *Doc) probe(slots []Node, name []byte) (slot int, found bool) {
	mask := len(slots) - 1
	for i := int(maphash.Bytes(seed, name)) & mask; ; i = (i + 1) & mask {
		if slots[i] == 0 {
			return i, false
		}
		if bytes.Equal(d.nameOf(&d.nodes[slots[i]]), name) {
			return i, true
		}
	}
}

// duplicate says where the name of b begins: at the first quote after what precedes the member.
func (d *Doc) duplicate(b Node) *SyntaxError {
	from := d.nodes[d.nodes[b].parent].start
	for c := d.nodes[b].parent + 1; c != b; c = d.nodes[c].next {
		from = d.nodes[c].end
	}
	at := int(from) + bytes.IndexByte(d.data[from:], '"')
	return fault(at, "duplicate_name", "An object has two members of one name")
}

// Member returns the value of the member of n that has this name once decoded. It is None if n has no such member or is
// no object. The time it takes does not grow with the number of members.
func (d *Doc) Member(n Node, name string) Node {
	return d.member(n, unsafe.Slice(unsafe.StringData(name), len(name)))
}

func (d *Doc) member(n Node, name []byte) Node {
	v := d.at(n)
	switch {
	case v == nil || v.kind != Object:
		return None
	case v.size > linear:
		slots := d.slots(v)
		if slot, found := d.probe(slots, name); found {
			return slots[slot]
		}
		return None
	}
	for c := d.First(n); c != None; c = d.nodes[c].next {
		if bytes.Equal(d.nameOf(&d.nodes[c]), name) {
			return c
		}
	}
	return None
}
