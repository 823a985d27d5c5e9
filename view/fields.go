// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import "strings"

// A selection is the members that a caller asked for; nil asks for everything. Arrays are passed through.
type selection struct{ members map[string]*selection }

// selected makes a selection of dotted paths. A path that ends at a member asks for all of it.
func selected(paths []string) *selection {
	if paths == nil {
		return nil
	}
	root := &selection{members: map[string]*selection{}}
	for _, p := range paths {
		root.add(p)
	}
	return root
}

func (s *selection) add(path string) {
	for name := range strings.SplitSeq(path, ".") {
		next, known := s.members[name]
		if known && next.members == nil {
			return // all of it is asked for already
		}
		if !known {
			next = &selection{members: map[string]*selection{}}
			s.members[name] = next
		}
		s = next
	}
	s.members = nil
}

// member says whether the member name was asked for, and what of it.
func (s *selection) member(name []byte) (*selection, bool) {
	if s == nil {
		return nil, true
	}
	m, ok := s.members[string(name)]
	if ok && m.members == nil {
		return nil, true
	}
	return m, ok
}
