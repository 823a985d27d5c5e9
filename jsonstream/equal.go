// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// Equal reports whether two values of d are equal; see the function Equal.
func (d *Doc) Equal(a, b Node) bool { return Equal(d, a, d, b) }

// Equal reports whether a in d equals b in e, as JSON Schema defines it for const, enum and uniqueItems: numbers by their
// exact value (1.0 is 1), strings once decoded, objects without regard to order. None equals nothing, itself included.
// It takes time linear in the two texts.
func Equal(d *Doc, a Node, e *Doc, b Node) bool {
	v, w := d.at(a), e.at(b)
	if v == nil || w == nil || v.kind != w.kind {
		return false
	}
	switch v.kind {
	case Number:
		return equalNumbers(d.Raw(a), e.Raw(b))
	case String:
		return bytes.Equal(d.Text(a), e.Text(b))
	case Array:
		if v.size != w.size {
			return false
		}
		y := e.First(b)
		for x := d.First(a); x != None; x = d.Next(x) {
			if !Equal(d, x, e, y) {
				return false
			}
			y = e.Next(y)
		}
	case Object:
		if v.size != w.size {
			return false
		}
		for x := d.First(a); x != None; x = d.Next(x) {
			if !Equal(d, x, e, e.member(b, d.Name(x))) {
				return false
			}
		}
	}
	return true
}

// Hash returns a hash of n: the same for equal values, in any Doc of this process, and different in the next process, so
// that nobody can send values that collide. With it equal items are found without comparing each to each.
// It is 0 for None.
func (d *Doc) Hash(n Node) uint64 {
	v := d.at(n)
	if v == nil {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(seed)
	put(&h, uint64(v.kind))
	switch v.kind {
	case Number:
		x, _ := parseDecimal(d.Raw(n))
		put(&h, uint64(x.exp))
		if x.neg {
			put(&h, 1)
		}
		// Writing to a maphash.Hash cannot fail.
		_, _ = h.Write(x.whole)
		_, _ = h.Write(x.frac)
	case String:
		_, _ = h.Write(d.Text(n))
	case Array:
		for c := d.First(n); c != None; c = d.Next(c) {
			put(&h, d.Hash(c))
		}
	case Object:
		var sum uint64 // of hashes, each of a name and a value: the order does not show
		for c := d.First(n); c != None; c = d.Next(c) {
			var m maphash.Hash
			m.SetSeed(seed)
			put(&m, d.Hash(c))
			_, _ = m.Write(d.Name(c))
			sum += m.Sum64()
		}
		put(&h, sum)
	}
	return h.Sum64()
}

func put(h *maphash.Hash, x uint64) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], x)
	_, _ = h.Write(b[:])
}
