// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import "yett/jsonstream"

// marks is where a set of bits begins in checker.marks: which members or items of one value have been evaluated, for
// unevaluatedProperties and unevaluatedItems. The set has a bit for each. Sets are made and dropped as a stack.
type marks int

// noMarks: nobody asks.
const noMarks marks = -1

func words(children int) int { return (children + 63) / 64 }

// push makes an empty set for n.
func (k *checker) push(n jsonstream.Node) marks {
	from, size := len(k.marks), words(k.doc.Len(n))
	k.spend(size)
	for range size {
		k.marks = append(k.marks, 0)
	}
	return marks(from)
}

// drop ends the set m and all made after it.
func (k *checker) drop(m marks) { k.marks = k.marks[:m] }

func (k *checker) mark(m marks, i int) {
	if m != noMarks {
		k.marks[int(m)+i/64] |= 1 << (i % 64)
	}
}

func (k *checker) marked(m marks, i int) bool {
	return k.marks[int(m)+i/64]&(1<<(i%64)) != 0
}

// merge adds to the set at to what is in from; both are of n.
func (k *checker) merge(to, from marks, n jsonstream.Node) {
	for i := range words(k.doc.Len(n)) {
		k.marks[int(to)+i] |= k.marks[int(from)+i]
	}
}

// markAll adds all.
func (k *checker) markAll(m marks, n jsonstream.Node) {
	if m == noMarks {
		return
	}
	for i := range words(k.doc.Len(n)) {
		k.marks[int(m)+i] = ^uint64(0)
	}
}

// branch evaluates s on n without a report. What it has evaluated counts only if it fits.
func (k *checker) branch(s *Schema, n jsonstream.Node, m marks) bool {
	k.quiet++
	own := noMarks
	if m != noMarks {
		own = k.push(n)
	}
	ok := k.eval(s, n, own)
	if m != noMarks {
		if ok {
			k.merge(m, own, n)
		}
		k.drop(own)
	}
	k.quiet--
	return ok
}
