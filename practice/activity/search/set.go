// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import (
	"iter"
	"math/bits"
)

// A Set is some of the lines of one segment, by their place in it, from 0.
type Set struct {
	words []uint64
	n     int // lines of the segment
}

func newSet(n int) Set { return Set{make([]uint64, (n+63)/64), n} }

func (s *Set) add(i int) {
	if i >= 0 && i < s.n {
		s.words[i/64] |= 1 << (i % 64)
	}
}

func (s *Set) and(t Set) {
	for i := range s.words {
		s.words[i] &= t.words[i]
	}
}

// flip makes it all the other lines.
func (s *Set) flip() {
	for i := range s.words {
		s.words[i] = ^s.words[i]
	}
	if s.n%64 != 0 {
		s.words[len(s.words)-1] &= 1<<(s.n%64) - 1
	}
}

// Count returns how many there are.
func (s *Set) Count() int {
	n := 0
	for _, w := range s.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// All yields the lines, the first of the segment first.
func (s *Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s.words {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// Backward yields the lines, the last of the segment first.
func (s *Set) Backward() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := len(s.words) - 1; i >= 0; i-- {
			for w := s.words[i]; w != 0; {
				top := 63 - bits.LeadingZeros64(w)
				if !yield(i*64 + top) {
					return
				}
				w &^= 1 << top
			}
		}
	}
}
