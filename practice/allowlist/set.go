// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/gaissmai/bart"
)

// A set is networks. It does not change once it is made, so lists may share it.
type set struct {
	table bart.Lite
	info  os.FileInfo // of the file before it was read; nil: it stood in the configuration
}

func newSet(prefixes []netip.Prefix) *set {
	s := new(set)
	for _, p := range prefixes {
		s.insert(p)
	}
	return s
}

// insert adds a network; IPv4 written as IPv6 counts as IPv4.
func (s *set) insert(p netip.Prefix) { s.table.Insert(normal(p)) }

func (s *set) contains(a netip.Addr) bool { return s.table.Contains(a) }

// match returns the narrowest network that a is in.
func (s *set) match(a netip.Addr) (netip.Prefix, bool) {
	return s.table.LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
}

func (s *set) size() int { return s.table.Size() }

func normal(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

// A source is where networks come from: a key of the configuration, or a file. What it holds is swapped whole.
type source struct {
	name string // of the key or the file
	now  atomic.Pointer[set]
}

func newSource(name string, s *set) *source {
	src := &source{name: name}
	src.now.Store(s)
	return src
}

// found returns the first source that a is in.
func found(sources []*source, a netip.Addr) *source {
	for _, s := range sources {
		if s.now.Load().contains(a) {
			return s
		}
	}
	return nil
}
