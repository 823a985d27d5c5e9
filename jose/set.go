// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose

import (
	"fmt"
	"slices"

	"yett/jsonstream"
)

// A Set is the keys of one issuer (RFC 7517 section 5). It is immutable.
type Set struct {
	keys   []*Key
	thumbs map[string]bool
}

const (
	maxSet     = 1 << 20
	maxKeys    = 100
	maxMatches = 16 // keys that one token can ask for
)

var setLimits = jsonstream.Limits{Depth: 8, Members: 64, Items: maxKeys, String: 64 << 10, Values: 20_000}

// ParseSet reads a JWK set. Keys that do not verify are left out, with the reason for each; a set without any that does is
// an ErrNoKeys.
func ParseSet(data []byte) (*Set, []error, error) {
	if len(data) > maxSet {
		return nil, nil, malformed(fmt.Sprintf("a set of more than %d bytes", maxSet))
	}
	var doc jsonstream.Doc
	if err := doc.Parse(data, setLimits); err != nil {
		return nil, nil, fmt.Errorf("%w: key set: %w", ErrMalformed, err)
	}
	if doc.Kind(doc.Root()) != jsonstream.Object {
		return nil, nil, malformed("a key set is no object")
	}
	list := doc.Member(doc.Root(), "keys")
	if list == jsonstream.None || doc.Kind(list) != jsonstream.Array {
		return nil, nil, malformed("a key set has no list of keys")
	}
	var keys []*Key
	var skipped []error
	for n, i := doc.First(list), 0; n != jsonstream.None; n, i = doc.Next(n), i+1 {
		k, err := ParseKey(doc.Raw(n))
		if err != nil {
			skipped = append(skipped, fmt.Errorf("keys[%d]: %w", i, err))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, skipped, fmt.Errorf("%w, of %d", ErrNoKeys, len(skipped))
	}
	return NewSet(keys...), skipped, nil
}

// NewSet makes a Set of keys.
func NewSet(keys ...*Key) *Set {
	s := &Set{keys: slices.Clone(keys), thumbs: make(map[string]bool, len(keys))}
	for _, k := range keys {
		s.thumbs[k.thumb] = true
	}
	return s
}

// Find returns the keys that may have signed: those of the id that fit a, or, without an id, all that fit it. They are at
// most sixteen, so that one token cannot ask for a hundred verifications; all reports that there are no more.
func (s *Set) Find(id string, a Algorithm) (found []*Key, all bool) {
	for _, k := range s.keys {
		if (id != "" && k.ID != id) || !k.Fits(a) {
			continue
		}
		if len(found) == maxMatches {
			return found, false
		}
		found = append(found, k)
	}
	return found, true
}

// Keys returns all of them.
func (s *Set) Keys() []*Key { return slices.Clone(s.keys) }

// Len returns how many there are.
func (s *Set) Len() int { return len(s.keys) }

// Has reports whether the key with a thumbprint is in the set.
func (s *Set) Has(thumbprint string) bool { return s.thumbs[thumbprint] }
