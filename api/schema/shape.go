// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math/bits"
	"regexp"
	"slices"

	"yett/internal/source"
)

// A Shape is what a schema declares at one place of a document: the union over all that applies there through $ref,
// allOf, anyOf, oneOf and if. Where several say different things about a value, the strictest wins. A nil Shape is a
// place of which nothing is said. Shapes do not change and are shared: a recursive schema has a recursive shape.
type Shape struct {
	node  *source.Node // of one of the schemas
	types Types
	open  bool

	readOnly, writeOnly, sensitive bool

	id        int                       // among the shapes of one description
	words     map[string][]*source.Node // x-yett words of the schemas that apply
	worded    []*source.Node            // these schemas, where they have any
	required  map[string]bool           // members that must be there
	index     map[string]int            // of members in names
	names     []string                  // of members, in the order of the description
	members   []*Shape                  // parallel to names
	patterns  []*regexp.Regexp
	patterned []*Shape // members whose names match patterns; see matching
	rest      *Shape   // members that are not declared, where the place is open
	prefix    []*Shape
	items     *Shape // after prefix
}

// Shape returns what s declares. It is nil for a nil Schema, and for schemas that Compile has not returned itself.
func (s *Schema) Shape() *Shape {
	if s == nil || s.root == nil {
		return nil
	}
	return s.root.shape
}

// ID numbers the shapes of one description, from 0. A nil Shape has -1.
func (p *Shape) ID() int {
	if p == nil {
		return -1
	}
	return p.id
}

// Node returns where one of the schemas stands in the description, nil where nothing is said.
func (p *Shape) Node() *source.Node {
	if p == nil {
		return nil
	}
	return p.node
}

// Words returns the values of a word of yett's ("x-yett-visible") in all schemas that apply, alternatives included.
func (p *Shape) Words(word string) []*source.Node {
	if p == nil {
		return nil
	}
	return p.words[word]
}

// Worded reports whether any word of yett's stands in a schema that applies.
func (p *Shape) Worded() bool { return p != nil && len(p.words) > 0 }

// Speakers returns the schemas that apply and have a word of yett's.
func (p *Shape) Speakers() []*source.Node {
	if p == nil {
		return nil
	}
	return p.worded
}

// Requires reports whether the member name must be there.
func (p *Shape) Requires(name string) bool { return p != nil && p.required[name] }

// Find returns the shape of the member name and whether it is declared; of a nil Shape nothing is.
func (p *Shape) Find(name []byte) (*Shape, bool) {
	if p == nil {
		return nil, false
	}
	return p.find(name)
}

// FindAt is Find where members mostly come in the order of the description: guess is the position that the name has if
// this one does, and the guess for the member after it is returned.
func (p *Shape) FindAt(guess int, name []byte) (member *Shape, declared bool, next int) {
	switch {
	case p == nil:
		return nil, false, 0
	case guess < len(p.names) && p.names[guess] == string(name):
		return p.members[guess], true, guess + 1
	}
	if i, ok := p.index[string(name)]; ok {
		return p.members[i], true, i + 1
	}
	member, declared = p.unlisted(name)
	return member, declared, guess
}

// Types returns which types a value may have: what each of allOf and one of anyOf or oneOf admits.
func (p *Shape) Types() Types {
	if p == nil {
		return AnyType
	}
	return p.types
}

// Open reports whether members that are not declared are welcome.
func (p *Shape) Open() bool { return p == nil || p.open }

// Member returns the shape of the member name, nil where nothing is said of it.
func (p *Shape) Member(name string) *Shape { return p.lookup([]byte(name)) }

// Members returns how many members are declared by name.
func (p *Shape) Members() int {
	if p == nil {
		return 0
	}
	return len(p.members)
}

// Item returns the shape of the i-th item, nil where nothing is said of it.
func (p *Shape) Item(i int) *Shape {
	switch {
	case p == nil:
		return nil
	case i < len(p.prefix):
		return p.prefix[i]
	}
	return p.items
}

// ReadOnly reports whether the value must not be in a request.
func (p *Shape) ReadOnly() bool { return p != nil && p.readOnly }

// WriteOnly reports whether the value must not be in an answer.
func (p *Shape) WriteOnly() bool { return p != nil && p.writeOnly }

// Sensitive reports whether the value must not be logged or repeated: it is write-only or a password.
func (p *Shape) Sensitive() bool { return p != nil && p.sensitive }

func (p *Shape) lookup(name []byte) *Shape {
	if p == nil {
		return nil
	}
	c, _ := p.find(name)
	return c
}

// find returns the shape of a member and whether it is declared.
func (p *Shape) find(name []byte) (*Shape, bool) {
	if i, ok := p.index[string(name)]; ok {
		return p.members[i], true
	}
	return p.unlisted(name)
}

// unlisted is find for a name that is not among names.
func (p *Shape) unlisted(name []byte) (*Shape, bool) {
	var matched uint64
	for i, re := range p.patterns {
		if re.Match(name) {
			matched |= 1 << min(i, 63)
		}
	}
	if matched == 0 {
		return p.rest, false
	}
	return p.patterned[matching(matched, len(p.patterns))], true
}

// maxSubsets is up to how many patterns there is a place for each set of them that a name may match. Of more there is one
// for each pattern, and one, the last, for names that match several, as if they matched all.
const maxSubsets = 4

// matching returns the position in patterned of names that match this set of n patterns.
func matching(set uint64, n int) int {
	switch {
	case n <= maxSubsets:
		return int(set) - 1
	case bits.OnesCount64(set) == 1 && set < 1<<63:
		return bits.TrailingZeros64(set)
	}
	return n
}

// Each calls f with every shape one level below p, in the order of the description: what is said of a member, with its
// name if it is declared by name, or of an item.
func (p *Shape) Each(f func(child *Shape, member string, item, declared bool)) {
	if p == nil {
		return
	}
	for i, name := range p.names {
		f(p.members[i], name, false, true)
	}
	for i, s := range append(p.patterned[:len(p.patterned):len(p.patterned)], p.rest) {
		if s != nil && !slices.Contains(p.patterned[:min(i, len(p.patterned))], s) {
			f(s, "", false, false)
		}
	}
	for _, s := range append(p.prefix[:len(p.prefix):len(p.prefix)], p.items) {
		if s != nil {
			f(s, "", true, false)
		}
	}
}
