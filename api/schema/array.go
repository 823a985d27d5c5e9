// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import "yett/jsonstream"

func (k *checker) evalArray(s *Schema, n jsonstream.Node, m marks) bool {
	r, ok, size := s.array, true, k.doc.Len(n)
	if size < r.min {
		ok = k.fail(s, n, "minItems", "must have at least "+plural(r.min, "item"))
	}
	if r.max >= 0 && size > r.max {
		// Too many: we do not look at them.
		return k.fail(s, n, "maxItems", "must have at most "+plural(r.max, "item"))
	}
	if k.stop(ok) {
		return false
	}
	if r.prefix != nil || r.items != nil {
		i := 0
		for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
			rule := r.items
			if i < len(r.prefix) {
				rule = r.prefix[i]
			}
			if rule == nil {
				break
			}
			if !k.eval(rule, c, noMarks) {
				if ok = false; k.stop(ok) {
					return false
				}
			}
			k.mark(m, i)
			i++
		}
	}
	if r.contains != nil && !k.contains(s, n, m) {
		ok = false
	}
	if r.unique && !k.stop(ok) && !k.unique(n) {
		ok = k.fail(s, n, "uniqueItems", "must not have the same item twice")
	}
	return ok
}

func (k *checker) contains(s *Schema, n jsonstream.Node, m marks) bool {
	r, fits, i := s.array, 0, 0
	for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
		if k.branch(r.contains, c, noMarks) {
			k.mark(m, i)
			fits++
			if m == noMarks && r.maxContains < 0 && fits >= r.minContains {
				return true
			}
		}
		i++
	}
	if fits < r.minContains {
		if s.node.Get("minContains") == nil {
			return k.fail(s, n, "contains", "lacks an item that is required")
		}
		return k.fail(s, n, "minContains", "must have at least "+plural(r.minContains, "item")+" of the required form")
	}
	if r.maxContains >= 0 && fits > r.maxContains {
		return k.fail(s, n, "maxContains", "must have at most "+plural(r.maxContains, "item")+" of the given form")
	}
	return true
}

// A slot of a hash table of items. The node is one more than it is, so that the zero slot is free.
type slot struct {
	hash uint64
	node jsonstream.Node
}

// fewItems are compared each with each.
const fewItems = 4

// unique reports whether no two items are equal, in time proportional to the document.
func (k *checker) unique(n jsonstream.Node) bool {
	size := k.doc.Len(n)
	k.spend(size)
	if size <= fewItems {
		for a := k.doc.First(n); a != jsonstream.None; a = k.doc.Next(a) {
			for b := k.doc.Next(a); b != jsonstream.None; b = k.doc.Next(b) {
				if k.doc.Equal(a, b) {
					return false
				}
			}
		}
		return true
	}
	k.spend(len(k.doc.Raw(n)) / 16)
	table := 16
	for table < 2*size {
		table *= 2
	}
	if cap(k.slots) < table {
		k.slots = make([]slot, table)
	}
	k.slots = k.slots[:table]
	clear(k.slots)
	for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
		h := k.doc.Hash(c)
		for i := h; ; i++ {
			s := &k.slots[i&uint64(table-1)]
			if s.node == 0 {
				*s = slot{h, c + 1}
				break
			}
			if s.hash == h && k.doc.Equal(s.node-1, c) {
				return false
			}
		}
	}
	return true
}
